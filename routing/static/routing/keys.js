"use strict";

// What the keyboard finds: a refused form opens at its first wrong field, "/" goes to the search, Escape closes a menu.
(() => {
    const FIELDS = "input:not([type=hidden]), select, textarea";
    const MENUS = "details.menu[open], details.filter[open]";

    function closeMenu() {
        const menu = document.querySelector(MENUS);
        if (menu) {
            menu.open = false;
            menu.querySelector("summary").focus();
        }
    }

    function search(event) {
        const field = document.getElementById("searchbar");
        if (field && !event.target.closest("input, select, textarea")) {
            event.preventDefault();
            field.focus();
            field.select();
        }
    }

    document.addEventListener("keydown", (event) => {
        if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) {
            return;
        }
        if (event.key === "Escape") {
            closeMenu();
        } else if (event.key === "/") {
            search(event);
        }
    });

    // A form goes to the page's own address. With the place in it that the way past the navigation leads to, the answer
    // would open there.
    document.addEventListener("submit", () => {
        if (location.hash) {
            history.replaceState(history.state, "", location.pathname + location.search);
        }
    });

    // Django's words above a form, which it gives no role.
    document.querySelectorAll(".errornote:not([role])").forEach((note) => note.setAttribute("role", "alert"));

    // Django's script for new rows is asynchronous: only once the page is loaded has it surely put the cursor into the
    // first field, also where that is filled in already or another one is wrong.
    window.addEventListener("load", () => {
        const wrong =
            document.querySelector("[aria-invalid=true]") ||
            document.querySelector(`.errors :is(${FIELDS})`) ||
            document.querySelector(`.errorlist ~ :is(${FIELDS})`);
        if (wrong) {
            const fold = wrong.closest("details");
            if (fold) {
                fold.open = true;
            }
            wrong.focus();
        } else if (document.querySelector("#django-admin-form-add-constants[data-model-name]")) {
            const first = document.activeElement;
            const fields = first.form ? [...first.form.elements].filter((field) => field.matches(FIELDS)) : [];
            const empty = fields.find((field) => field.offsetParent && !field.disabled && !field.value);
            // What was typed meanwhile is not in the page's own value.
            if (empty && fields.includes(first) && (first.defaultValue ?? first.value)) {
                empty.focus();
            }
        }
    });
})();
