// What a reader does with a report: the contents follow the scroll, lists are sorted and filtered. Without it every row is shown.
// Sorting itself is done by vendor/sortable.min.js: a click on a heading of a table.sortable.
(() => {
  const words = document.body.dataset;
  const links = new Map([...document.querySelectorAll("nav a[href^='#']")].map((link) => [link.hash.slice(1), link]));
  const headings = [...document.querySelectorAll("main h2[id]")].filter((heading) => links.has(heading.id));

  function follow() {
    const passed = headings.filter((heading) => heading.getBoundingClientRect().top < innerHeight / 3);
    const ended = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
    const here = (ended ? headings : passed).at(-1) ?? headings[0];
    links.forEach((link, id) => (here?.id === id ? link.setAttribute("aria-current", "location") : link.removeAttribute("aria-current")));
  }
  addEventListener("scroll", () => requestAnimationFrame(follow), { passive: true });
  follow();

  const folds = document.getElementById("folds");
  folds?.addEventListener("click", () => {
    const open = folds.getAttribute("aria-pressed") !== "true";
    folds.setAttribute("aria-pressed", String(open));
    document.querySelectorAll("main details.method, main details.sql").forEach((part) => (part.open = open));
  });

  // accents, case and widths of spaces do not matter in a search
  const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").replace(/\s+/g, " ").trim().toLocaleLowerCase();
  const words_of = (row) => [...row.cells].map((cell) => folded(cell.textContent)).join("\n");

  function labelled(text, control) {
    const label = document.createElement("label");
    label.append(text + " ", control);
    return label;
  }

  const crews = []; // the filters by salesperson of all lists
  for (const table of document.querySelectorAll("table.list")) {
    const first = Number(table.dataset.first), headers = [...table.tHead.rows[0].cells];
    const rows = () => [...table.tBodies[0].rows];
    if (rows().length < 3) continue;
    table.classList.add("sortable", "n-last");
    for (const header of headers.filter((header) => !header.classList.contains("no-sort"))) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      button.addEventListener("click", () => table.classList.toggle("asc", header.dataset.falling === undefined));
      header.append(button);
    }

    const tools = document.createElement("div"), told = document.createElement("span"), all = document.createElement("button"), reset = document.createElement("button");
    const search = Object.assign(document.createElement("input"), { type: "search", autocomplete: "off" });
    tools.className = "tools";
    tools.dataset.elsewhere = words.elsewhere;
    tools.dataset.first = words.first;
    told.setAttribute("role", "status");
    Object.assign(all, { type: "button", textContent: words.all });
    Object.assign(reset, { type: "button", textContent: words.reset, hidden: true });
    tools.append(labelled(words.search, search));
    const selects = headers.filter((header) => header.dataset.filter !== undefined).map((header) => {
      const select = document.createElement("select"), column = header.cellIndex;
      const values = [...new Set(rows().map((row) => row.cells[column].textContent.trim()))].sort((a, b) => a.localeCompare(b));
      select.append(new Option(words.every, ""), ...values.map((value) => new Option(value, value)));
      if (values.length > 1) tools.append(labelled(header.textContent.trim(), select));
      return { select, column };
    });
    tools.append(all, reset, told);
    table.closest(".scroll").before(tools);

    function refresh() {
      const wanted = folded(search.value);
      const chosen = selects.filter(({ select }) => select.value);
      const fitting = rows().filter((row) => words_of(row).includes(wanted)
        && chosen.every(({ select, column }) => row.cells[column].textContent.trim() === select.value));
      const whole = table.classList.contains("whole") || wanted || chosen.length;
      const shown = new Set(whole ? fitting : fitting.slice(0, first));
      rows().forEach((row) => (row.hidden = !shown.has(row)));
      const total = wanted || chosen.length ? rows().length : Math.max(rows().length, Number(table.dataset.total) || 0);
      told.textContent = words.shown.replace("{shown}", shown.size.toLocaleString(words.locale)).replace("{total}", total.toLocaleString(words.locale));
      reset.hidden = !wanted && !chosen.length;
      tools.classList.toggle("cut", shown.size < rows().length);
      all.hidden = rows().length <= first;
      all.setAttribute("aria-pressed", String(table.classList.contains("whole")));
    }
    const people = selects.find(({ column }) => headers[column].dataset.person !== undefined);
    if (people) crews.push({ select: people.select, refresh });
    reset.addEventListener("click", () => { search.value = ""; selects.forEach(({ select }) => (select.value = "")); refresh(); });
    all.addEventListener("click", () => { table.classList.toggle("whole"); refresh(); });
    [search, ...selects.map(({ select }) => select)].forEach((control) => control.addEventListener("input", refresh));
    table.addEventListener("sort-end", refresh);
    refresh();
  }

  const names = [...new Set(crews.flatMap(({ select }) => [...select.options].map((option) => option.value)))].filter(Boolean).sort((a, b) => a.localeCompare(b));
  if (crews.length > 1 && names.length > 1) {
    const person = document.createElement("select");
    person.append(new Option(words.every, ""), ...names.map((name) => new Option(name, name)));
    const label = labelled(words.person, person);
    label.className = "person";
    document.querySelector("nav").append(label);
    person.addEventListener("input", () => crews.forEach(({ select, refresh }) => {
      select.value = [...select.options].some((option) => option.value === person.value) ? person.value : "";
      refresh();
    }));
  }
})();
