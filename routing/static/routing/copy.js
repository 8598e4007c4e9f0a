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

    document.addEventListener("click", async (event) => {
        const button = event.target.closest("button[data-copy]");
        if (!button) {
            return;
        }
        const copied = await copy(button.dataset.copy);
        button.textContent = copied ? "Copied" : "Select it";
        button.classList.toggle("copied", copied);
        button.focus();
        setTimeout(() => {
            button.textContent = "Copy";
            button.classList.remove("copied");
        }, SAID_MILLISECONDS);
    });
})();
