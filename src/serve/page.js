"use strict";
// Without this script the page does not update itself, but everything works after a reload.
document.documentElement.classList.add("js");

// The keys of the address that belong to each part.
const choices = {verdict: ["run", "failed"], files: ["file"]};
const said = document.getElementById("said");
const busy = new Map();

// Loads a part again; a request that comes meanwhile is repeated afterwards.
async function refresh(part) {
  if (busy.has(part)) { busy.set(part, true); return; }
  busy.set(part, false);
  try {
    const answer = await fetch(`part/${part}${location.search}`);
    if (answer.ok) { swap(part, await answer.text()); }
  } catch { /* The server is gone: the event stream reports it. */ }
  const again = busy.get(part);
  busy.delete(part);
  if (again) { await refresh(part); }
}

// Replaces a part; what the reader has opened, scrolled to and focused stays so.
function swap(part, html) {
  const place = document.getElementById(part);
  const titles = details => details.querySelector("summary").textContent.split(":")[0];
  const open = [...place.querySelectorAll("details[open]")].map(titles);
  const scrolled = [...place.querySelectorAll("[data-scroll]")].map(each => [each.id, each.scrollTop, each.scrollLeft]);
  const focused = place.contains(document.activeElement) ? document.activeElement : null;
  const hints = () => place.querySelectorAll(".hints > li").length;
  const before = hints();
  place.innerHTML = html;
  place.querySelectorAll("details").forEach(details => { details.open = open.includes(titles(details)); });
  for (const [id, top, left] of scrolled) { document.getElementById(id)?.scrollTo(left, top); }
  if (focused) {
    const same = [...place.querySelectorAll(focused.localName)].find(each =>
      each.id === focused.id && each.getAttribute("href") === focused.getAttribute("href"));
    same?.focus({preventScroll: true});
  }
  if (part === "status") { say(); }
  // A new hint is below the verdict, perhaps out of sight.
  if (part === "hints" && hints() > before) { place.querySelector(".hints > li:last-child").scrollIntoView({block: "nearest"}); }
}

// Screen readers announce the beginning and the result, not the counting.
function say() {
  const state = document.querySelector("#status .state");
  const text = state.querySelector("strong").textContent;
  if (said.textContent !== text) { said.textContent = text; }
  document.title = state.dataset.title;
}

addEventListener("click", async event => {
  const link = event.target.closest("a[data-part]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) { return; }
  event.preventDefault();
  const wanted = new URL(link.href), address = new URL(location.href);
  for (const key of choices[link.dataset.part]) {
    address.searchParams.delete(key);
    if (wanted.searchParams.has(key)) { address.searchParams.set(key, wanted.searchParams.get(key)); }
  }
  history.replaceState(null, "", address);
  await refresh(link.dataset.part);
  if (wanted.hash) { document.getElementById(wanted.hash.slice(1))?.scrollIntoView({block: "center"}); }
});

addEventListener("submit", event => {
  event.preventDefault();
  // What comes of it is told by an event.
  fetch(event.target.getAttribute("action"), {method: "POST", redirect: "manual"}).catch(() => {});
});

addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey) { return; }
  const id = {j: "after", k: "before"}[event.key];
  if (id) { document.getElementById(id)?.click(); }
});

const events = new EventSource("events");
const gone = document.getElementById("gone");
events.onopen = () => { gone.hidden = true; };
events.onerror = () => { gone.hidden = false; };
// Something has changed; `all` is said to who has just come.
events.addEventListener("all", event => event.data.split(" ").forEach(refresh));
events.addEventListener("changed", event => event.data.split(" ").forEach(refresh));
// A verify is over: what is shown is what it says first.
events.addEventListener("over", event => {
  const address = new URL(location.href);
  address.searchParams.delete("run");
  history.replaceState(null, "", address);
  event.data.split(" ").forEach(refresh);
});
// Another stage.
events.addEventListener("moved", () => location.replace("./"));
say();
