"use strict";

// A section with data-live holds a form that looks something up. This presses its button every few seconds (those that
// data-live says, or ten), and shows what is new, until everything is as it should be, the tab is closed, or a while
// has passed.
(() => {
    const EVERY_SECONDS = 10;
    const AT_MOST_TIMES = 60;
    const AT_MOST_FAILURES = 5;

    async function press(form) {
        const answer = await fetch(form.action, {
            method: "POST",
            headers: { Accept: "application/json" },
            body: new URLSearchParams(new FormData(form)),
        });
        if (!answer.ok) {
            throw new Error(`status ${answer.status}`);
        }
        return answer.json();
    }

    function takeOver(section, html) {
        const fresh = new DOMParser().parseFromString(html, "text/html");
        for (const part of fresh.querySelectorAll("[data-live-part]")) {
            const shown = section.querySelector(`[data-live-part="${part.dataset.livePart}"]`);
            if (shown && shown.innerHTML !== part.innerHTML) {
                shown.replaceChildren(...part.childNodes);
            }
        }
        return fresh.querySelector("[data-settled]") !== null;
    }

    function watch(section) {
        const form = section.querySelector("form");
        const note = section.querySelector("[data-live-note]");
        let times = 0;
        let failures = 0;
        let under_way = false;

        function stop() {
            clearInterval(timer);
            note.hidden = true;
        }

        async function look() {
            if (document.hidden || under_way) {
                return;
            }
            under_way = true;
            times += 1;
            try {
                const answer = await press(form);
                failures = 0;
                if (answer.go) {
                    stop();
                    location.assign(answer.go);
                } else if (takeOver(section, answer.html) || times >= AT_MOST_TIMES) {
                    stop();
                }
            } catch {
                // Too many look-ups under way, no network, or signed out meanwhile: the button says which.
                failures += 1;
                if (failures >= AT_MOST_FAILURES) {
                    stop();
                }
            }
            under_way = false;
        }

        note.hidden = false;
        const timer = setInterval(look, (Number(section.dataset.live) || EVERY_SECONDS) * 1000);
    }

    for (const section of document.querySelectorAll("[data-live]")) {
        watch(section);
    }
})();
