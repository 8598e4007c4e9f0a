// Answers what RULES say, as the app would; everything else goes to the app, which is the origin of the zone.
const json = {
  "Docker-Distribution-Api-Version": "registry/2.0",
  "Content-Type": "application/json",
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "sandbox; default-src 'none'",
};
const expression = ([pattern, found]) => [new RegExp(pattern), found];
const classes = RULES.clients.map(([pattern, found]) => [new RegExp(pattern, "i"), found]);
const rulings = RULES.rulings.map(expression);
const kinds = RULES.kinds.map(expression);
const [short, authority, below] = [RULES.short, RULES.authority, RULES.below].map((pattern) => new RegExp(pattern));
const least = RULES.least.map((pattern) => new RegExp(pattern));
const hosts = new Map(RULES.hosts);
const prefixes = new Map(RULES.prefixes);

const first = (pairs, text, otherwise) => (pairs.find(([pattern]) => pattern.test(text)) || [null, otherwise])[1];

function hostRule(host) {
  const own = hosts.get(host);
  const above = own ? null : below.exec(host);
  const served = above ? `*.${above[1]}` : host;
  const [letter, text] = own || hosts.get(served) || ["a", ""];
  return { letter, text, served };
}

function prefixRule(served, name) {
  const parts = name.split("/");
  for (let depth = Math.min(parts.length, RULES.depth); depth >= 0; depth--) {
    const found = prefixes.get(`${served}/${parts.slice(0, depth).join("/")}`);
    if (found) {
      const rest = parts.slice(depth).join("/");
      return { letter: found[0], needs: found[1], base: found[2], rest: rest && `/${rest}` };
    }
  }
  return { letter: "n", needs: 0, base: "", rest: "" };
}

function error(status, code, message, headers = {}) {
  const body = JSON.stringify({ errors: [{ code, message, detail: null }] });
  return new Response(body, { status, headers: { ...json, "Cache-Control": "no-store", ...headers } });
}

function redirect(location) {
  const headers = { Location: location, "Docker-Distribution-Api-Version": "registry/2.0", "Cache-Control": RULES.cache };
  if (RULES.cache !== "no-store") headers.Vary = "User-Agent, Authorization";
  return new Response(null, { status: 307, headers });
}

// The answer to a method, the raw target, the Host field and two more; null where the app is to be asked.
export function answer(method, target, hostField, agent, authorized) {
  const read = /^(GET|HEAD)$/.test(method) && authority.exec(hostField);
  const kind = kinds.find(([pattern]) => pattern.test(target));
  if (!read || !kind || (kind[1] !== "ping" && !short.test(target))) return null;
  const [what, host, port] = [kind[1], read[1].toLowerCase(), read[2]];
  const [, name = "", tail = ""] = kind[0].exec(target);
  const at = hostRule(host);
  const to = prefixRule(at.served, name);
  const whole = what === "ping" || "FNa".includes(at.letter);
  const letter = whole ? at.letter : least[to.needs].test(to.rest) ? to.letter : "a";
  const verdict = first(rulings, `${what} ${letter} ${first(classes, agent, "u")} ${authorized ? "y" : "n"}`, "");
  const challenge = `Bearer realm="${RULES.scheme}://${host}${port}/token",service="${host}"`;
  const asked = (words) => error(401, "UNAUTHORIZED", "authentication required", { "WWW-Authenticate": words });
  switch (verdict) {
    case "redirect":
      return redirect(`${to.base}${to.rest}/${tail}`);
    case "lead":
      return redirect(at.text);
    case "fine":
      return new Response("{}", { status: 200, headers: json });
    case "challenge":
      return asked(`${challenge},scope="repository:${name}:pull"`);
    case "challenge-ping":
      return asked(challenge);
    case "switched-off":
      return error(403, "DENIED", `the mapping of ${host}${to.base} is switched off; ask the owner of ${host}`);
    case "not-mapped":
      return error(404, "NAME_UNKNOWN", `${host}/${name} is not mapped to any registry; ask the owner of ${host}`);
    case "refused":
      return error(403, "DENIED", at.text);
    case "not-served":
      return error(404, "NAME_UNKNOWN", `${host} is switched off at this registry facade`);
  }
  return null;
}

export default {
  async fetch(request) {
    const url = request.url.slice(request.url.indexOf("/", "https://".length));
    const { headers } = request;
    const host = headers.get("Host") || new URL(request.url).host;
    return answer(request.method, url, host, headers.get("User-Agent") || "", headers.has("Authorization")) || fetch(request);
  },
};
