"use strict";
(() => {
  const root = document.documentElement;
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const words = read("words");
  const concealed = new RegExp(
    "[\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f" +
    "\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\ud800-\\udfff\\u{e0000}-\\u{e007f}]", "gu");

  // Elements are made with text nodes only: nothing here is ever parsed as HTML.
  const make = (name, attributes = {}, ...content) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...content.flat());
    return element;
  };
  const shown = (text) => {
    const parts = [];
    let end = 0;
    for (const found of text.replaceAll("\r\n", "\n").matchAll(concealed)) {
      parts.push(found.input.slice(end, found.index), make("span", {class: "concealed"},
        "U+" + found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0")));
      end = found.index + found[0].length;
    }
    parts.push(text.replaceAll("\r\n", "\n").slice(end));
    return parts;
  };
  const say = (word, values = {}) => words[word].map((text, at) => make("span",
    at ? {class: "zh", lang: "zh-TW"} : {class: "en", lang: "en"},
    text.replace(/\{(\w+)\}/g, (_, name) => values[name])));

  // Language and appearance.
  const switches = [...document.querySelectorAll("[data-switch]")];
  const bilingual = ["text", "aria-label", "title"];
  const choose = {
    language(language) {
      root.lang = language;
      const spoken = language === "en" ? "en" : "zh";
      for (const name of bilingual) {
        for (const element of document.querySelectorAll(`[data-${spoken}-${name}]`)) {
          const value = element.getAttribute(`data-${spoken}-${name}`);
          if (name === "text") element.textContent = value;
          else element.setAttribute(name, value);
        }
      }
    },
    theme(theme) {
      if (theme) root.dataset.theme = theme;
      else delete root.dataset.theme;
    },
  };
  const press = (name, value) => {
    choose[name](value);
    for (const button of switches.filter((one) => one.dataset.switch === name)) {
      button.setAttribute("aria-pressed", String(button.dataset.value === value));
    }
  };
  for (const button of switches) {
    button.addEventListener("click", () => press(button.dataset.switch, button.dataset.value));
  }
  press("language", root.lang);
  press("theme", "");
  document.querySelector(".controls").hidden = false;

  window.addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details")) folded.open = true;
  });

  // The order of the labels.
  const labels = document.querySelector(".labels tbody");
  const sorters = [...document.querySelectorAll(".sorter")];
  for (const sorter of sorters) {
    sorter.addEventListener("click", () => {
      const key = sorter.dataset.key;
      const up = sorter.getAttribute("aria-pressed") === "true" ? !("up" in sorter.dataset) : key === "label";
      for (const other of sorters) {
        other.setAttribute("aria-pressed", String(other === sorter));
        delete other.dataset.up;
      }
      if (up) sorter.dataset.up = "";
      const value = (row) => Number(row.dataset[key]);
      labels.append(...[...labels.rows].sort((a, b) => (up ? 1 : -1) * (value(a) - value(b))));
    });
  }

  // The answers.
  const browse = () => {
    const {labels: names, none, page, rows} = read("answers");
    const field = (id) => document.getElementById(id);
    const body = document.querySelector(".errors tbody");
    const compared = document.querySelectorAll(".errors thead th").length > 3;
    // Rows answered with labels hold their numbers; others whether they are right, and both texts in pieces.
    const right = (row) => "ok" in row ? row.ok : row.g === row.p;
    const before = (row) => "ok" in row ? row.b : row.g === row.b;
    const joined = (pieces) => (pieces || []).map(([piece]) => piece).join("");
    const pieces = (side, kind) => side.flatMap(([piece, alone]) =>
      alone ? [make("mark", {class: kind}, shown(piece))] : shown(piece));
    const kinds = {
      wrong: (row) => !right(row), right, all: () => true,
      broken: (row) => !right(row) && "b" in row && before(row),
      fixed: (row) => right(row) && "b" in row && !before(row),
    };
    const length = (row) => row.l || row.t.length;
    const orders = {
      n: (a, b) => a.n - b.n, short: (a, b) => length(a) - length(b), long: (a, b) => length(b) - length(a),
      g: (a, b) => a.g - b.g || a.n - b.n, p: (a, b) => a.p - b.p || a.n - b.n,
    };
    for (const row of rows) row.s = [row.t, row.e, row.r, row.id, joined(row.G), joined(row.P)].join("\n").normalize("NFKC").toLowerCase();
    let found = [];
    let first = 0;
    const named = (place) => place === none ? say("none") : shown(names[place]);
    const text = (row, whole) => {
      const limit = 400;
      const said = whole || row.t.length <= limit ? row.t : row.t.slice(0, limit);
      const parts = [];
      if (row.e && row.t.includes(row.e)) {
        said.split(row.e).forEach((part, at) => {
          if (at) parts.push(make("mark", {}, shown(row.e)));
          parts.push(...shown(part));
        });
      } else {
        parts.push(...shown(said));
        if (row.e) parts.push(" ", make("mark", {}, shown(row.e)));
      }
      if (said.length < row.t.length) parts.push("…");
      else if (row.l) parts.push(...say("cut", {length: row.l.toLocaleString("en")}));
      return parts;
    };
    const cell = (row) => {
      const td = make("td");
      const fill = (whole) => {
        td.replaceChildren(make("span", {class: "place", title: row.id}, String(row.n)), ...text(row, whole));
        if (row.t.length > 400) {
          const more = make("button", {type: "button", class: "more", "aria-expanded": String(whole)},
            say(whole ? "less" : "more"));
          more.addEventListener("click", () => { fill(!whole); td.querySelector(".more").focus(); });
          td.append(more);
        }
      };
      fill(false);
      return td;
    };
    const answer = (row) => row.p !== none ? named(row.p)
      : row.r ? [make("code", {}, shown(row.r))] : [make("span", {class: "soft"}, say("blank"))];
    const show = () => {
      first = Math.max(0, Math.min(first, Math.floor((found.length - 1) / page) * page));
      body.replaceChildren(...found.slice(first, first + page).map((row) => {
        const written = "G" in row;
        const wanted = written ? pieces(row.G, "missing") : row.g < 0 ? "–" : named(row.g);
        const tr = make("tr", {}, cell(row), make("td", {class: written ? "written" : ""}, wanted),
          make("td", {class: written ? "written" : right(row) ? "agrees" : "differs"},
            written ? pieces(row.P, "extra") : answer(row)));
        if (compared) {
          tr.append(make("td", {}, !("b" in row) ? "–" : written ? say(row.b ? "right" : "wrong") : named(row.b)));
        }
        return tr;
      }));
      const last = Math.min(first + page, found.length);
      field("count").replaceChildren(...say("found", {
        first: found.length ? first + 1 : 0, last, count: found.length.toLocaleString("en")}));
      field("nothing").hidden = found.length > 0;
      field("previous").disabled = first === 0;
      field("following").disabled = last >= found.length;
    };
    const filter = () => {
      const kind = kinds[field("shown").value];
      const gold = field("gold")?.value ?? "", said = field("said")?.value ?? "";
      const wanted = field("find").value.normalize("NFKC").toLowerCase();
      found = rows.filter((row) => kind(row) && (gold === "" || row.g === Number(gold)) &&
        (said === "" || row.p === Number(said)) && row.s.includes(wanted));
      found.sort(orders[field("order").value]);
      first = 0;
      show();
    };
    for (const id of ["shown", "gold", "said", "order", "find"]) field(id)?.addEventListener("input", filter);
    field("filters").addEventListener("submit", (event) => event.preventDefault());
    field("previous").addEventListener("click", () => { first -= page; show(); });
    field("following").addEventListener("click", () => { first += page; show(); });
    for (const pick of document.querySelectorAll(".pick")) {
      pick.addEventListener("click", () => {
        field("shown").value = pick.dataset.gold === pick.dataset.said ? "all" : "wrong";
        field("gold").value = pick.dataset.gold;
        field("said").value = pick.dataset.said;
        field("find").value = "";
        filter();
        document.getElementById("errors").scrollIntoView();
        field("shown").focus({preventScroll: true});
      });
    }
    field("nothing").replaceChildren(...say("nothing"));
    field("filters").hidden = field("pager").hidden = false;
    filter();
  };
  if (document.getElementById("answers")) browse();

  // The values under the pointer.
  for (const figure of document.querySelectorAll("[data-chart]")) {
    const {x: [left, right], series} = read(figure.dataset.chart);
    const area = figure.querySelector(".area"), cursor = figure.querySelector(".cursor");
    const reading = figure.querySelector(".reading");
    const steps = [...new Set(series.flatMap((one) => one.points.map(([step]) => step)))].sort((a, b) => a - b);
    let at = steps.length - 1;
    const point = (place) => {
      at = Math.max(0, Math.min(steps.length - 1, place));
      const step = steps[at];
      cursor.style.left = `${100 * (step - left) / (right - left)}%`;
      cursor.hidden = false;
      const values = series.flatMap((one) => {
        const found = one.points.find(([other]) => other === step);
        return found ? [" · ", make("span", {class: "en", lang: "en"}, one.en),
          make("span", {class: "zh", lang: "zh-TW"}, one.zh), ` ${Number(found[1].toPrecision(4))}`] : [];
      });
      reading.replaceChildren(...say("step", {step: step.toLocaleString("en")}), ...values);
    };
    const nearest = (event) => {
      const box = area.getBoundingClientRect();
      const step = left + (right - left) * (event.clientX - box.left) / box.width;
      let best = 0;
      steps.forEach((one, place) => { if (Math.abs(one - step) < Math.abs(steps[best] - step)) best = place; });
      point(best);
    };
    area.addEventListener("pointermove", nearest);
    area.addEventListener("pointerdown", nearest);
    area.addEventListener("pointerleave", () => { cursor.hidden = true; reading.replaceChildren(); });
    area.addEventListener("keydown", (event) => {
      const move = {ArrowLeft: -1, ArrowRight: 1, Home: -steps.length, End: steps.length}[event.key];
      if (move === undefined) return;
      event.preventDefault();
      point(at + move);
    });
  }
})();
