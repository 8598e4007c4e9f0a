"use strict";

// The command palette: Ctrl K, or "/" where the page has no search of its own. It finds pages by what the navigation
// names, and rows by asking while one types. A combobox with a list (ARIA Authoring Practices): the focus stays in the
// field. Without it, what opens it leads to the search page.
(() => {
    const opener = document.querySelector(".sidebar .palette-opener");
    if (!opener || !window.HTMLDialogElement) {
        return;
    }
    const WAIT_MILLISECONDS = 150;
    const pages = [...document.querySelectorAll(".sidebar li a")].map((link) => ({
        words: link.textContent.trim(),
        url: link.getAttribute("href"),
        kind: "Page",
    }));
    const dialog = document.createElement("dialog");
    dialog.className = "palette";
    dialog.setAttribute("aria-label", "Search");
    dialog.innerHTML =
        '<input type="text" role="combobox" aria-expanded="true" aria-controls="palette-found" aria-autocomplete="list"' +
        ' aria-label="Search pages, hostnames, repositories, registries, digests" maxlength="1000" autocapitalize="none"' +
        ' autocomplete="off" spellcheck="false" placeholder="A page, hostname, repository, registry, digest, image">' +
        '<ul id="palette-found" role="listbox" aria-label="Found"></ul><p role="status"></p>';
    const field = dialog.querySelector("input");
    const list = dialog.querySelector("ul");
    const note = dialog.querySelector("p");
    let timer = 0;
    let asking = null;
    let chosen = 0;

    function choose(index) {
        const rows = [...list.children];
        chosen = rows.length ? (index + rows.length) % rows.length : 0;
        rows.forEach((row, at) => row.setAttribute("aria-selected", String(at === chosen)));
        if (rows.length) {
            field.setAttribute("aria-activedescendant", rows[chosen].id);
            rows[chosen].scrollIntoView({ block: "nearest" });
        } else {
            field.removeAttribute("aria-activedescendant");
        }
    }

    function show(found, words) {
        list.replaceChildren(
            ...found.map((each, at) => {
                const row = document.createElement("li");
                row.id = `palette-${at}`;
                row.setAttribute("role", "option");
                row.dataset.url = each.url;
                for (const text of [each.words, each.kind]) {
                    row.append(Object.assign(document.createElement("span"), { textContent: text }));
                }
                return row;
            })
        );
        note.textContent = words;
        choose(0);
    }

    function pagesLike(wanted) {
        return pages.filter((page) => page.words.toLowerCase().includes(wanted.toLowerCase()));
    }

    async function ask(wanted) {
        asking?.abort();
        asking = new AbortController();
        const address = `${opener.getAttribute("href")}suggestions/?q=${encodeURIComponent(wanted)}`;
        try {
            const answer = await fetch(address, { headers: { Accept: "application/json" }, signal: asking.signal });
            if (!answer.ok) {
                throw new Error(`status ${answer.status}`);
            }
            const found = [...pagesLike(wanted), ...(await answer.json()).found];
            show(found, found.length ? `${found.length} found. Enter opens one.` : "Nothing was found.");
        } catch (error) {
            if (error.name !== "AbortError") {
                show(pagesLike(wanted), "The search can't be reached: it will be tried with the next letter.");
            }
        }
    }

    function look() {
        const wanted = field.value.trim();
        clearTimeout(timer);
        if (wanted) {
            timer = setTimeout(ask, WAIT_MILLISECONDS, wanted);
        } else {
            asking?.abort();
            show(pages, "Enter opens what is marked.");
        }
    }

    function open() {
        if (!dialog.isConnected) {
            document.body.append(dialog);
        }
        field.value = "";
        look();
        dialog.showModal();
    }

    function go(row) {
        if (row) {
            location.assign(row.dataset.url);
        }
    }

    field.addEventListener("input", look);
    field.addEventListener("keydown", (event) => {
        if (event.key === "ArrowDown" || event.key === "ArrowUp") {
            event.preventDefault();
            choose(chosen + (event.key === "ArrowDown" ? 1 : -1));
        } else if (event.key === "Enter") {
            event.preventDefault();
            go(list.children[chosen]);
        }
    });
    list.addEventListener("click", (event) => go(event.target.closest("li")));
    dialog.addEventListener("click", (event) => {
        if (event.target === dialog) {
            dialog.close();
        }
    });
    document.querySelectorAll(".palette-opener").forEach((each) =>
        each.addEventListener("click", (event) => {
            event.preventDefault();
            open();
        })
    );
    document.addEventListener("keydown", (event) => {
        const isCtrlK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
        const isSlash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey;
        const isTyped = event.target.closest("input, select, textarea");
        const hasOwn = document.getElementById("searchbar");
        if (!dialog.open && (isCtrlK || (isSlash && !isTyped && !hasOwn))) {
            event.preventDefault();
            open();
        }
    });
})();
