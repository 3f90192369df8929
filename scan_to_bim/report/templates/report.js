"use strict";
(() => {
  const root = document.documentElement;
  const data = JSON.parse(document.getElementById("data").textContent);
  const { rows, states } = data;
  const CHUNK = 200, PRINTED = 1000;
  const zh = () => root.lang.startsWith("zh");
  const pick = (pair) => pair[zh() ? 1 : 0];
  const make = (tag, name, text) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  // The chosen language is kept where the browser allows it; a file opened from disk may not.
  const recall = () => { try { return localStorage.getItem("sitewright-language"); } catch { return null; } };
  const keep = (value) => { try { localStorage.setItem("sitewright-language", value); } catch { /* not kept */ } };
  const speak = (language) => {
    root.lang = language;
    for (const option of document.querySelectorAll("#storey option[data-en]")) option.textContent = option.dataset[zh() ? "zh" : "en"];
    search.placeholder = search.dataset[zh() ? "zh" : "en"];
    draw();
    if (current !== null) show(current);
  };

  const body = document.querySelector("#all tbody"), more = document.getElementById("more"), count = document.getElementById("count");
  const search = document.getElementById("search"), storey = document.getElementById("storey");
  const chips = [...document.querySelectorAll("[data-state]")];
  let shown = CHUNK, order = "state", down = false, found = [], current = null;
  // What needs somebody comes first.
  const urgency = [4, 1, 0, 2, 3];
  const value = (row) => ({ state: urgency[row.state], name: pick(row.kind) + row.name, storey: row.storey, done: row.low, shift: row.shift ?? -1, sure: row.sure, seen: row.seen, reason: pick(row.reason) })[order];
  const line = (row) => {
    const tr = make("tr"), state = states[row.state], td = (text, name, en, cn) => {
      const cell = make("td", name, text);
      if (en) { cell.dataset.en = en; cell.dataset.zh = cn; }
      return tr.appendChild(cell);
    };
    td(`${state.symbol} ${pick(state.word)}`, `state i-${state.key}`);
    td(`${pick(row.kind)} ${row.name}`, "name");
    td(row.storey);
    td(row.done, "n", "complete", "完成");
    td(row.shifted, "n", "shift", "偏移");
    td(row.surely, "n", "sure", "可信度");
    td(`${Math.round(100 * row.seen)} %`, "n", "seen", "可见");
    td(pick(row.reason));
    tr.dataset.row = rows.indexOf(row);
    return tr;
  };
  const draw = () => {
    body.replaceChildren(...found.slice(0, shown).map(line));
    more.hidden = found.length <= shown;
    count.textContent = zh() ? `显示 ${Math.min(shown, found.length)} / ${found.length} 个（共 ${rows.length} 个）` : `${Math.min(shown, found.length)} of ${found.length} shown (${rows.length} in all)`;
  };
  const filter = () => {
    const wanted = chips.filter((chip) => chip.getAttribute("aria-pressed") === "true").map((chip) => Number(chip.dataset.state));
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = rows.filter((row) => (!wanted.length || wanted.includes(row.state)) && (storey.value === "*" || row.storey === storey.value)
      && words.every((word) => `${row.name} ${row.kind.join(" ")} ${row.guid} ${row.storey} ${row.reason.join(" ")}`.toLowerCase().includes(word)));
    found.sort((a, b) => { const x = value(a), y = value(b); return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1) || (b.shift ?? 0) - (a.shift ?? 0); });
    shown = CHUNK;
    draw();
  };

  const info = document.getElementById("info"), text = document.getElementById("told");
  const paths = (index) => document.querySelectorAll(`.plan path[data-i="${index}"]`);
  const clear = () => document.querySelectorAll(".on").forEach((node) => node.classList.remove("on"));
  const show = (index) => {
    const row = rows[index], state = states[row.state], first = make("p");
    current = index;
    first.append(make("span", `state i-${state.key}`, `${state.symbol} ${pick(state.word)}`), ` · ${pick(row.kind)} ${row.name}`);
    const figures = zh() ? `${row.storey} · 完成 ${row.done} · 偏移 ${row.shifted} · 可信度 ${row.surely} · 采样：可见 ${row.evidence[0]}，穿过 ${row.evidence[1]}，遮挡 ${row.evidence[2]}，未覆盖 ${row.evidence[3]}`
      : `${row.storey} · complete ${row.done} · shift ${row.shifted} · sure ${row.surely} · samples: ${row.evidence[0]} present, ${row.evidence[1]} looked through, ${row.evidence[2]} hidden, ${row.evidence[3]} not covered`;
    const last = make("p", "small quiet", figures + " · ");
    last.append(make("code", "", row.guid));
    text.replaceChildren(first, make("p", "", pick(row.reason)), last);
    info.hidden = false;
    clear();
    paths(index).forEach((path) => path.classList.add("on"));
  };
  const hide = () => { current = null; info.hidden = true; clear(); };

  document.addEventListener("click", (event) => {
    const path = event.target.closest(".plan path[data-i]"), tr = event.target.closest("#all tbody tr"), jump = event.target.closest("[data-find]");
    if (path) show(Number(path.dataset.i));
    else if (tr) { show(Number(tr.dataset.row)); tr.classList.add("on"); }
    else if (jump) { const index = Number(jump.dataset.find); show(index); paths(index)[0]?.scrollIntoView({ block: "center" }); }
  });
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse" || current !== null) return;
    const path = event.target.closest(".plan path[data-i]");
    if (path) { show(Number(path.dataset.i)); current = null; clear(); }
    else if (event.target.closest(".plan")) hide();
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  document.getElementById("close").addEventListener("click", hide);
  document.getElementById("print").addEventListener("click", () => print());
  document.getElementById("english").addEventListener("click", () => { keep("en"); speak("en"); });
  document.getElementById("chinese").addEventListener("click", () => { keep("zh-CN"); speak("zh-CN"); });
  for (const chip of chips) chip.addEventListener("click", () => {
    chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
    filter();
  });
  for (const th of document.querySelectorAll("#all th")) th.addEventListener("click", () => {
    down = order === th.dataset.key ? !down : ["shift", "done"].includes(th.dataset.key);
    order = th.dataset.key;
    document.querySelectorAll("#all th").forEach((other) => other.removeAttribute("aria-sort"));
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
    filter();
  });
  search.addEventListener("input", filter);
  storey.addEventListener("change", filter);
  more.addEventListener("click", () => { shown += CHUNK; draw(); });
  addEventListener("beforeprint", () => { if (shown < PRINTED) { shown = PRINTED; draw(); } });

  filter();
  const preferred = (navigator.languages || [navigator.language]).some((tag, i) => i === 0 && tag.toLowerCase().startsWith("zh")) ? "zh-CN" : "en";
  speak(recall() || preferred);
})();
