"use strict";

// Tells the server in which time zone to write times, from the next page on, where nobody chose one.
(() => {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    // By TLS the server takes cookies that this host alone can set, and no others.
    const [name, safe] = location.protocol === "https:" ? ["__Host-zone", "; secure"] : ["zone", ""];
    if (zone && !document.cookie.split("; ").includes(`${name}=${zone}`)) {
        document.cookie = `${name}=${zone}; path=/; max-age=31536000; samesite=lax${safe}`;
    }
})();
