// Asks a Worker's module (its path is the first argument) the requests that standard input lists, as JSON.
import { readFileSync } from "node:fs";

const { answer } = await import(process.argv[2]);
const requests = JSON.parse(readFileSync(0, "utf8"));
const said = [];
for (const request of requests) {
  const response = answer(...request);
  said.push(
    response && { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() },
  );
}
process.stdout.write(JSON.stringify(said));
