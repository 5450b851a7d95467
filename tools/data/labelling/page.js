"use strict";
(() => {
  const content = JSON.parse(document.getElementById("content").textContent);
  const LEFT_OUT = "-";
  const WORDS = {
    en: {
      title: (task) => `Which label is right? · ${task}`,
      how: "Choose a label for each row; the framed one is proposed. Keys 1–9 choose, 0 leaves the row out, arrows move. " +
        "Nothing leaves this computer: save the file and give it back.",
      who: "Your name", done: (n, all) => `${n} of ${all} decided`, csv: "Save CSV", json: "Save JSON",
      other: "中文", out: "leave out", proposed: "proposed", entity: "about", said: "reviewers said",
      name: "Please write your name first.",
      written: "Correct the proposal where it is wrong, or accept it as it stands; the framed button is the proposal. 0 leaves " +
        "the row out, arrows move. Nothing leaves this computer: save the file and give it back.",
      right: (task, what) => `Is the ${what} right? · ${task}`, accept: "accept", other_answer: "or write it as it should be",
    },
    "zh-TW": {
      title: (task) => `哪一個標籤才對？ · ${task}`,
      how: "每一列選一個標籤，有框的是提案。按 1–9 選擇，0 表示不採用，方向鍵移動。" +
        "內容不會離開這台電腦：存檔後把檔案交回即可。",
      who: "你的名字", done: (n, all) => `已決定 ${n} / ${all}`, csv: "存成 CSV", json: "存成 JSON",
      other: "English", out: "不採用", proposed: "提案", entity: "對象", said: "審閱者的意見",
      name: "請先填你的名字。",
      written: "提案有錯就改，沒錯就接受，有框的按鈕是提案。0 表示不採用，方向鍵移動。" +
        "內容不會離開這台電腦：存檔後把檔案交回即可。",
      right: (task, what) => `${what} 對不對？ · ${task}`, accept: "接受", other_answer: "或改成正確的內容",
    },
  };
  const free = content.labels.length === 0; // the answer is written, not chosen
  const key = `review-${content.sheet}`;
  let kept = { decisions: {}, entities: {}, reviewer: "" };
  try { kept = { ...kept, ...JSON.parse(localStorage.getItem(key) || "{}") }; } catch { /* opened where nothing can be kept */ }
  let language = content.language === "zh-TW" ? "zh-TW" : "en";
  const byId = (id) => document.getElementById(id);
  const reviewer = byId("reviewer");
  reviewer.value = kept.reviewer;

  const keep = () => {
    try { localStorage.setItem(key, JSON.stringify(kept)); } catch { /* the saved file is what counts */ }
  };
  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const choose = (id, decision) => {
    if (kept.decisions[id] === decision) delete kept.decisions[id]; else kept.decisions[id] = decision;
    keep();
    show(id);
    count();
  };
  const write = (id, answer) => {
    if (answer) kept.decisions[id] = answer; else delete kept.decisions[id];
    keep();
    show(id);
    count();
  };
  const show = (id) => {
    const field = document.querySelector(`[data-row="${CSS.escape(id)}"] textarea`);
    const decision = kept.decisions[id];
    if (field && field !== document.activeElement && decision !== LEFT_OUT) field.value = decision ?? field.dataset.proposed;
    for (const button of document.querySelectorAll(`[data-row="${CSS.escape(id)}"] .choices button`)) {
      button.setAttribute("aria-pressed", String(button.dataset.decision === kept.decisions[id]));
    }
  };
  const count = () => {
    const made = content.rows.filter((row) => kept.decisions[row.id] !== undefined).length;
    byId("progress").textContent = WORDS[language].done(made, content.rows.length);
  };
  const draw = () => {
    const words = WORDS[language];
    document.documentElement.lang = language;
    byId("title").textContent = free ? words.right(content.task, content.answer) : words.title(content.task);
    byId("how").textContent = free ? words.written : words.how;
    document.querySelector("[data-say=who]").textContent = words.who;
    byId("csv").textContent = words.csv;
    byId("json").textContent = words.json;
    byId("language").textContent = words.other;
    const rows = byId("rows");
    rows.replaceChildren();
    content.rows.forEach((row, place) => {
      const one = element("article");
      one.tabIndex = 0;
      one.dataset.row = row.id;
      one.append(element("p", `${place + 1}. ${row.text}`));
      const about = [];
      if (row.entity) about.push(`${words.entity}: ${row.entity}`);
      if (row.proposed) about.push(`${words.proposed}: ${row.proposed}${row.confidence === "" ? "" : ` (${row.confidence})`}`);
      if (row.said) about.push(`${words.said}: ${row.said}`);
      if (about.length) one.append(element("p", about.join(" · "), "about"));
      if (content.entity && !row.entity) {
        const field = element("input");
        field.placeholder = words.entity;
        field.value = kept.entities[row.id] || "";
        field.addEventListener("input", () => { kept.entities[row.id] = field.value; keep(); });
        one.append(field);
      }
      if (free) {
        const field = element("textarea");
        field.setAttribute("aria-label", words.other_answer);
        field.placeholder = words.other_answer;
        field.dataset.proposed = row.proposed;
        field.value = row.proposed;
        field.addEventListener("input", () => write(row.id, field.value.trim()));
        one.append(field);
      }
      const choices = element("div", undefined, "choices");
      [...(free ? [row.proposed].filter(Boolean) : content.labels), LEFT_OUT].forEach((label) => {
        const said = label === LEFT_OUT ? words.out : free ? words.accept : label;
        const button = element("button", said, label === row.proposed ? "proposed" : "");
        button.type = "button";
        button.dataset.decision = label;
        button.addEventListener("click", () => choose(row.id, label));
        choices.append(button);
      });
      one.append(choices);
      rows.append(one);
      show(row.id);
    });
    count();
  };
  document.addEventListener("keydown", (event) => {
    const one = event.target.closest ? event.target.closest("article") : null;
    if (!one || ["INPUT", "TEXTAREA"].includes(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowDown" && one.nextElementSibling) { one.nextElementSibling.focus(); event.preventDefault(); }
    if (event.key === "ArrowUp" && one.previousElementSibling) { one.previousElementSibling.focus(); event.preventDefault(); }
    if (event.key === "0") choose(one.dataset.row, LEFT_OUT);
    if (/^[1-9]$/.test(event.key) && content.labels[event.key - 1]) choose(one.dataset.row, content.labels[event.key - 1]);
  });
  reviewer.addEventListener("input", () => { kept.reviewer = reviewer.value; keep(); });
  byId("language").addEventListener("click", () => { language = language === "en" ? "zh-TW" : "en"; draw(); });

  const decided = () => content.rows.map((row, place) => ({
    row: place + 1, id: row.id, text: row.text, entity: row.entity || (kept.entities[row.id] || "").trim(),
    proposed: row.proposed, confidence: row.confidence, decision: kept.decisions[row.id] ?? "",
  }));
  const harmless = (text) => (/^[=+\-@\t\r\n'＝＋－＠]/.test(text) ? `'${text}` : text);
  const cell = (value) => `"${String(value).replaceAll('"', '""')}"`;
  const asCsv = () => [content.columns.map(cell).join(","), ...decided().map((one) => [
    content.sheet, one.row, one.id, harmless(one.text), harmless(one.entity), harmless(one.proposed), one.confidence,
    harmless(one.decision), harmless(reviewer.value.trim())].map(cell).join(","))].join("\r\n") + "\r\n";
  const asJson = () => JSON.stringify({
    format: 1, sheet: content.sheet, reviewer: reviewer.value.trim(),
    decisions: decided().filter((one) => one.decision).map(({ row, id, entity, decision }) => ({ row, id, entity, decision })),
  }, null, 1);
  const save = (ending, kind, text) => {
    if (!reviewer.value.trim()) { window.alert(WORDS[language].name); reviewer.focus(); return; }
    const link = element("a");
    link.href = URL.createObjectURL(new Blob([ending === "csv" ? "\ufeff" : "", text], { type: kind }));
    link.download = `review-${content.sheet}.${ending}`;
    document.body.append(link);
    link.click();
    link.remove();
  };
  byId("csv").addEventListener("click", () => save("csv", "text/csv", asCsv()));
  byId("json").addEventListener("click", () => save("json", "application/json", asJson()));
  window.review = { asCsv, asJson };
  draw();
})();
