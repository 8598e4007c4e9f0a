"use strict";

// Tells the server in which time zone to write times, from the next page on, where nobody chose one.
(() => {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const safe = location.protocol === "https:" ? "; secure" : "";
    if (zone && !document.cookie.split("; ").includes(`zone=${zone}`)) {
        document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax${safe}`;
    }
})();
