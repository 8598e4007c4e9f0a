"use strict";

// Buttons with data-copy put that text on the clipboard, and say so.
(() => {
    const SAID_MILLISECONDS = 2000;

    // On plain http, but for localhost, browsers offer no navigator.clipboard.
    function copyBySelection(text) {
        const area = document.createElement("textarea");
        area.value = text;
        area.className = "copy-source";
        document.body.append(area);
        area.select();
        const copied = document.execCommand("copy");
        area.remove();
        return copied;
    }

    async function copy(text) {
        if (navigator.clipboard) {
            try {
                await navigator.clipboard.writeText(text);
                return true;
            } catch {
                // Refused by a policy or by the person: the older way needs no permission.
            }
        }
        return copyBySelection(text);
    }

    // A button's own words aren't read anew when they change.
    const told = document.createElement("div");
    told.className = "visually-hidden";
    told.setAttribute("role", "status");
    document.body.append(told);

    document.addEventListener("click", async (event) => {
        const button = event.target.closest("button[data-copy]");
        if (!button) {
            return;
        }
        const copied = await copy(button.dataset.copy);
        button.textContent = copied ? "Copied" : "Select it";
        told.textContent = copied ? "Copied" : "It could not be copied: select it";
        button.classList.toggle("copied", copied);
        button.focus();
        setTimeout(() => {
            button.textContent = "Copy";
            told.textContent = "";
            button.classList.remove("copied");
        }, SAID_MILLISECONDS);
    });
})();
