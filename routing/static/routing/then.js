"use strict";

// The field for a time is in the viewer's own zone. Without this script it is in UTC, as its label then says.
for (const form of document.querySelectorAll("form[data-then]")) {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "your time zone";
    const given = new URLSearchParams(window.location.search);
    if (!given.get("at") || given.get("zone")) {
        form.querySelector("[data-zone]").textContent = zone;
    }
    form.addEventListener("submit", () => {
        // Of that day, for the zone may have summer time.
        form.elements.minutes.value = String(-new Date(form.elements.at.value).getTimezoneOffset());
        form.elements.zone.value = zone;
    });
}
