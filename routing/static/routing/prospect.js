"use strict";

// Beside the form of a mapping: what it would do as it is typed now. The server looks, and writes nothing.
(() => {
    const WAIT_MILLISECONDS = 400;
    const shown = document.querySelector("[data-prospect]");
    const form = shown?.closest("form");
    if (!form) {
        return;
    }
    const NAMES = ["hostname", "prefix", "target", "enabled", "private", "allow_push", "delivery", "tenant"];
    let timer = 0;
    let asking = null;

    function typed() {
        const query = new URLSearchParams({ mapping: shown.dataset.mapping ?? "" });
        for (const [name, value] of new FormData(form)) {
            if (NAMES.includes(name)) {
                query.set(name, value);
            }
        }
        return query;
    }

    const before = typed().toString();

    async function look() {
        asking?.abort();
        asking = new AbortController();
        const query = typed();
        const isNothing = !query.get("target") || (!shown.dataset.mapping && !query.get("hostname"));
        if (query.toString() === before || isNothing) {
            shown.hidden = true;
            return;
        }
        try {
            const answer = await fetch(`${shown.dataset.prospect}?${query}`, { signal: asking.signal });
            if (!answer.ok) {
                throw new Error(`status ${answer.status}`);
            }
            const page = new DOMParser().parseFromString((await answer.json()).html, "text/html");
            shown.replaceChildren(...page.body.childNodes);
            shown.hidden = false;
        } catch (error) {
            if (error.name !== "AbortError") {
                shown.hidden = true;
            }
        }
    }

    form.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(look, WAIT_MILLISECONDS);
    });
})();
