// Keeps open pages fresh. Everything works without it: it only fetches the page that is shown once more when something
// has changed, and takes over the parts that are marked with `data-live`.
"use strict";
(() => {
  const SETTLE_MS = 200; // changes that come together are shown together
  const LAG_MS = 6_000; // some pages show what was seen a moment ago: the rest comes so much later
  const TICK_MS = 20_000; // moments in words grow older
  const RETRY_MS = 15_000; // after the server has refused to be listened to
  const TYPING_MS = 200;
  const FOCUSABLE = "a[href], button, input, select, summary, [tabindex]";

  // Moments, in the words of the server.
  function relative(seconds) {
    const units = [[86_400, "d"], [3_600, "h"], [60, "min"]];
    const size = Math.abs(seconds);
    if (size < 45) return "just now";
    const [unit, name] = units.find(([unit]) => size >= unit) ?? [60, "min"];
    const words = `${Math.floor(Math.max(size, unit) / unit)} ${name}`;
    return seconds < 0 ? `${words} ago` : `in ${words}`;
  }

  function retell() {
    for (const time of document.querySelectorAll("time[datetime]")) {
      const words = relative(Math.trunc((Date.parse(time.dateTime) - Date.now()) / 1000));
      if (time.textContent !== words) time.textContent = words;
    }
  }

  // What somebody has open or in their hands stays so.
  function grip() {
    const active = document.activeElement;
    const anchor = active?.closest("[id]");
    if (!anchor || active === document.body) return () => {};
    const index = [...anchor.querySelectorAll(FOCUSABLE)].indexOf(active);
    return () => {
      if (document.contains(active)) return;
      const found = document.getElementById(anchor.id);
      (index < 0 ? found : found?.querySelectorAll(FOCUSABLE)[index])?.focus({ preventScroll: true });
    };
  }

  function keepOpen(old, fresh) {
    for (const open of old.querySelectorAll("details[open][id]")) {
      fresh.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
    }
  }

  const isAtEnd = (box) => box.scrollTop + box.clientHeight >= box.scrollHeight - 4;
  const toEnd = (box) => { box.scrollTop = box.scrollHeight; };

  function replace(old, fresh) {
    keepOpen(old, fresh);
    if (old.isEqualNode(fresh)) return;
    const follows = [...old.querySelectorAll("pre")].map(isAtEnd);
    old.replaceWith(fresh);
    fresh.querySelectorAll("pre").forEach((box, index) => { if (follows[index] ?? true) toEnd(box); });
  }

  const hasKeys = (list) => list.children.length > 0 && [...list.children].every((item) => item.id);

  // Rows are told apart by their ids, so that those that have not changed are not touched.
  function mergeList(old, fresh) {
    const known = new Map([...old.children].map((item) => [item.id, item]));
    let before = old.firstElementChild;
    for (const item of [...fresh.children]) {
      const mine = known.get(item.id);
      known.delete(item.id);
      if (mine && mine === before) {
        before = before.nextElementSibling;
        replace(mine, item);
      } else {
        if (mine) keepOpen(mine, item);
        mine?.remove();
        old.insertBefore(item, before);
      }
    }
    for (const gone of known.values()) gone.remove();
  }

  const states = () => new Map([...document.querySelectorAll("[data-state]")].map(
    (item) => [item.id, { name: item.dataset.name, state: item.dataset.state }]));

  function merge(page) {
    const before = states();
    const restore = grip();
    for (const old of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(old.id);
      if (!fresh) continue;
      if (old.tagName === fresh.tagName && hasKeys(old) && hasKeys(fresh)) mergeList(old, fresh);
      else replace(old, fresh);
    }
    restore();
    retell();
    const news = [...states()].filter(([id, now]) => before.has(id) && before.get(id).state !== now.state);
    const words = news.map(([, now]) => `${now.name} is ${now.state}`).join(". ");
    if (words) document.getElementById("announce").textContent = words;
  }

  let isFetching = false;
  let isStale = false;
  async function refresh() {
    isStale = true;
    if (isFetching) return;
    isFetching = true;
    try {
      while (isStale) {
        isStale = false;
        const answer = await fetch(location.href, { headers: { accept: "text/html", "x-live": "1" } });
        if (new URL(answer.url).pathname === "/login") location.reload();
        else if (answer.ok) merge(new DOMParser().parseFromString(await answer.text(), "text/html"));
      }
    } catch {
      // The stream says when the server is back.
    } finally {
      isFetching = false;
    }
  }

  let settling;
  let lagging;
  function changed() {
    settling ??= setTimeout(() => { settling = undefined; refresh(); }, SETTLE_MS);
    if (document.querySelector("[data-lag]")) {
      lagging ??= setTimeout(() => { lagging = undefined; refresh(); }, LAG_MS);
    }
  }

  // Browsers open few connections to one server: a page that nobody sees gives its own back.
  let source;
  let retry;
  function listen() {
    clearTimeout(retry);
    source?.close();
    source = undefined;
    const mark = document.getElementById("live");
    if (document.hidden) { mark.hidden = true; return; }
    source = new EventSource("/events");
    source.addEventListener("changed", changed);
    source.addEventListener("refresh", changed);
    source.onopen = () => { mark.hidden = false; };
    source.onerror = () => {
      mark.hidden = true;
      if (source.readyState === EventSource.CLOSED) retry = setTimeout(listen, RETRY_MS);
    };
  }

  // Menus close when somebody looks elsewhere.
  function closeMenus(except) {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(except)) menu.open = false;
    }
  }
  document.addEventListener("click", (event) => closeMenus(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = document.activeElement?.closest("details.menu[open]");
      closeMenus(null);
      menu?.querySelector("summary").focus();
    }
    const search = document.getElementById("q");
    const isTyping = event.target.closest?.("input, select, textarea");
    if (event.key === "/" && search && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
    }
  });

  // The filter acts while it is typed.
  let typing;
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form.search");
    if (!form) return;
    clearTimeout(typing);
    typing = setTimeout(() => {
      const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
      history.replaceState(null, "", query.size ? `/?${query}` : "/");
      refresh();
    }, TYPING_MS);
  });

  document.querySelectorAll("#log pre").forEach(toEnd);
  retell();
  setInterval(retell, TICK_MS);
  if ("events" in document.body.dataset) {
    document.addEventListener("visibilitychange", listen);
    listen();
  }
})();
