// The access report: filters, the page of each person, colours, print. It builds nodes and sets texts; data is
// never parsed as HTML, and nothing is fetched.
"use strict";
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  root.classList.add("scripted");

  /** Create an element with attributes and children, which are nodes or texts. */
  function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children.filter((child) => child !== null && child !== ""));
    return node;
  }
  const bdi = (text) => make("bdi", {}, text);
  /** Normalise a text for searching: lower case, without accents. */
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const wordsOf = (text) => plain(text).split(/\s+/).filter(Boolean);
  const number = (value) => value.toLocaleString("en-US");
  const plural = (count, singular, many = `${singular}s`) => `${number(count)} ${count === 1 ? singular : many}`;

  // ---- colours

  const THEMES = ["auto", "light", "dark"];
  const button = byId("theme");
  function paint(theme) {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    button.textContent = `Colours: ${theme}`;
  }
  let theme = "auto";
  button.addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    paint(theme);
  });

  // ---- findings

  const list = byId("finding-list");
  const findings = [...list.children].map((node, place) => ({
    node, place, ...node.dataset, roles: ` ${node.dataset.roles} `,
    title: node.querySelector(".title").textContent, text: null,
  }));
  const ofUser = new Map();
  for (const finding of findings) {
    if (finding.user) ofUser.set(finding.user, [...(ofUser.get(finding.user) || []), finding]);
  }
  const filters = byId("filters");
  const field = (name) => byId(`find-${name}`);
  const ORDERS = {
    "": (a, b) => a.place - b.place,
    newest: (a, b) => b.opened.localeCompare(a.opened) || a.place - b.place,
    oldest: (a, b) => a.opened.localeCompare(b.opened) || a.place - b.place,
    rule: (a, b) => a.rule.localeCompare(b.rule) || a.place - b.place,
    subject: (a, b) => a.title.localeCompare(b.title) || a.place - b.place,
  };
  let order = "";

  function matches(finding, wanted) {
    if (wanted.severity && finding.severity !== wanted.severity) return false;
    if (wanted.status === "new" ? !finding.new : wanted.status && finding.status !== wanted.status) return false;
    if (wanted.rule && finding.rule !== wanted.rule) return false;
    if (wanted.role && !finding.roles.includes(` ${wanted.role} `)) return false;
    if (!wanted.words.length) return true;
    finding.text ??= plain(`${finding.node.id} ${finding.node.textContent}`);
    return wanted.words.every((word) => finding.text.includes(word));
  }

  function filter() {
    const wanted = { words: wordsOf(field("text").value) };
    for (const name of ["severity", "status", "rule", "role"]) wanted[name] = field(name).value;
    let shown = 0;
    for (const finding of findings) {
      const fits = matches(finding, wanted);
      finding.node.classList.toggle("off", !fits);
      shown += fits;
    }
    if (field("sort").value !== order) {
      order = field("sort").value;
      list.append(...[...findings].sort(ORDERS[order]).map((finding) => finding.node));
    }
    list.classList.toggle("filtered", shown < findings.length || order !== "");
    byId("find-count").textContent = `${number(shown)} of ${number(findings.length)} shown`;
    byId("find-none").hidden = shown > 0 || findings.length === 0;
  }

  const opener = byId("find-open");
  opener.addEventListener("click", () => {
    const open = opener.textContent === "Open all";
    for (const finding of findings) {
      if (!finding.node.classList.contains("off")) finding.node.firstElementChild.open = open;
    }
    opener.textContent = open ? "Close all" : "Open all";
  });
  filters.addEventListener("input", filter);
  filters.addEventListener("reset", () => setTimeout(filter));
  filters.addEventListener("submit", (event) => event.preventDefault());

  function showFinding(node) {
    if (node.classList.contains("off")) {
      filters.reset();
      filter();
    }
    node.firstElementChild.open = true;
    node.scrollIntoView();
    node.querySelector("summary").focus({ preventScroll: true });
  }

  // ---- people

  const data = JSON.parse(byId("people-data").textContent);
  const STATES = ["", "deactivated", "deleted", "not known whether active"];
  const people = data.users.map(
    ([id, name, email, state, admin, access, seat, profile, source, observed, login, loginKnown, created, known, sight]) => ({
      id: String(id), name, email, state, admin, source, observed, login, loginKnown, created, known,
      access: data.accesses[access], seats: data.seats[seat], sights: data.sights[sight], profile: data.profiles[profile] || [],
      findings: ofUser.get(String(id)) || [], text: plain(`${name} ${email} ${id}`),
    }));
  const person = new Map(people.map((user) => [user.id, user]));
  const STEP = 50;
  let chosen = people;
  let rows = STEP;

  function count(user, fits) {
    let total = 0;
    for (let at = 0; at < user.profile.length; at += 3) {
      if (fits(user.profile[at + 1], data.permissions[user.profile[at]])) total += 1;
    }
    return total;
  }
  const held = (user) => count(user, (state) => state === 1);
  const sensitive = (user) => count(user, (state, flag) => state === 1 && flag[2]);
  const unknown = (user) => user.source === null || count(user, (state) => state === 2) > 0;
  const WHICH = {
    "": () => true,
    live: (user) => user.state === 0,
    admin: (user) => user.admin === 1,
    findings: (user) => user.findings.length > 0,
    sensitive: (user) => sensitive(user) > 0,
    unknown,
  };
  const missing = (kind, id) => `${id}, which ${data.absent[kind].includes(String(id)) ? "does not exist" : "is not listed"}`;
  const roleName = (id) => (data.roles[id] ? data.roles[id][0] : `role ${missing("role", id)}`);
  const setName = (id) => data.sets[id] || missing("permission_set", id);
  const adminOf = (user) => user.access.filter((entry) => entry[2] === "true").map((entry) => entry[0]);
  const lastLogin = (user) => user.login || (user.loginKnown ? "never" : "not known");
  const activeRoles = (user) => user.seats.filter((seat) => seat[1] === 1).map((seat) => roleName(seat[0]));

  function admins(user) {
    const apps = [...new Set(adminOf(user))];
    return apps.length ? apps.join(", ") : user.admin === 1 ? "yes" : user.admin === null ? "not known" : "";
  }

  function row(user) {
    const cell = (label, ...content) => make("td", { "data-label": label }, ...content);
    const open = user.findings.filter((finding) => finding.status === "open").length;
    const number_ = (label, text) => make("td", { class: "n", "data-label": label }, text);
    return make("tr", {},
      make("td", {}, make("a", { href: `#user-${user.id}` }, bdi(user.name)), " ",
        make("span", { class: "dim" }, bdi(user.email === user.name ? "" : user.email)),
        user.state ? make("span", { class: "chip state" }, STATES[user.state]) : ""),
      cell("Role:", bdi(activeRoles(user).join(", "))), cell("Admin of:", admins(user)),
      number_("Permissions:", user.source === null ? "not known" : number(held(user))),
      number_("Sensitive:", user.source === null ? "?" : sensitive(user) ? number(sensitive(user)) : ""),
      cell("Last login:", lastLogin(user).slice(0, 10)), number_("Findings:", open ? number(open) : ""));
  }

  function showPeople() {
    byId("people-list").replaceChildren(...chosen.slice(0, rows).map(row));
    byId("people-more").hidden = chosen.length <= rows;
    byId("people-count").textContent = chosen.length > rows
      ? `${plural(chosen.length, "person", "people")} found, ${number(rows)} shown`
      : `${number(chosen.length)} of ${number(people.length)} shown`;
  }

  function choose() {
    const words = wordsOf(byId("people-text").value);
    const which = WHICH[byId("people-which").value];
    chosen = people.filter((user) => which(user) && words.every((word) => user.text.includes(word)));
    rows = STEP;
    showPeople();
  }
  const form = byId("people-form");
  form.addEventListener("input", choose);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (chosen.length) location.hash = `#user-${chosen[0].id}`;
  });
  byId("people-more").addEventListener("click", () => {
    rows += 200;
    showPeople();
  });

  // ---- a person

  function fact(label, ...content) {
    return make("div", {}, make("dt", {}, label), make("dd", {}, ...content));
  }

  function listed(texts, otherwise) {
    return texts.length ? make("ul", {}, ...texts.map((text) => make("li", {}, bdi(text)))) : otherwise;
  }

  function known(user) {
    if (user.source === "observed") return `observed for this user on ${user.observed} UTC`;
    if (user.source === "inferred") {
      const before = user.observed ? `; last observed on ${user.observed} UTC` : "";
      return `inferred from users with the same access; not requested for this user${before}`;
    }
    return "not known";
  }

  function sees(user) {
    if (!data.sees) return "not looked at: the run did not collect visibility";
    return listed(user.sights, user.state === 0 ? "not known" : "nothing: only active users see items");
  }

  function share(user, flag) {
    return user.seats.filter((seat) => seat[1] === 1 && data.roles[seat[0]]).map((seat) => {
      const [name, members, holders] = data.roles[seat[0]];
      return `${number(holders[flag] || 0)} of ${number(members)} in ${name}`;
    }).join("; ");
  }

  function permissionTable(user, title, fits) {
    const entries = [];
    for (let at = 0; at < user.profile.length; at += 3) {
      const [flag, state, reason] = user.profile.slice(at, at + 3);
      if (fits(state, data.reasons[reason])) entries.push([data.permissions[flag], data.reasons[reason]]);
    }
    if (!entries.length) return [];
    entries.sort((a, b) => b[0][2] - a[0][2]);
    const body = entries.map(([[flag, label, isSensitive], reason]) => make("tr", {},
      make("th", { scope: "row" }, label, " ", make("code", {}, flag), isSensitive ? " " : "",
        isSensitive ? make("span", { class: "chip high" }, "sensitive") : ""),
      make("td", {}, bdi(reason)), make("td", { "data-label": "Held by:" }, bdi(share(user, flag)))));
    const heads = ["Permission", "Why", "Held by"].map((text) => make("th", { scope: "col" }, text));
    return [make("h4", {}, `${title} (${entries.length})`),
      make("table", { class: "why" }, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...body))];
  }

  function permissions(user) {
    const named = new Set();
    for (let at = 0; at < user.profile.length; at += 3) named.add(user.profile[at]);
    const plain = data.permissions.filter((flag, index) => !named.has(index)).map((flag) => flag[1]);
    for (let at = 0; at < user.profile.length; at += 3) {
      const reason = data.reasons[user.profile[at + 2]];
      if (user.profile[at + 1] === 0 && reason === "not granted") plain.push(data.permissions[user.profile[at]][1]);
    }
    const rest = user.source === null
      ? "The permissions of this user are not known."
      : plain.length ? `Not granted: ${plain.sort().join(", ")}.` : "";
    return [
      ...permissionTable(user, "Granted", (state) => state === 1),
      ...permissionTable(user, "Not known", (state) => state === 2),
      ...permissionTable(user, "Not granted, although", (state, why) => state === 0 && why !== "not granted"),
      make("p", { class: "dim" }, rest),
    ];
  }

  function showPerson(user) {
    const page = byId("person");
    const seats = user.seats.map(([id, active, source]) => roleName(id)
      + (active === 1 ? "" : active === 0 ? " (assignment not active)" : " (not known whether active)")
      + (source === "inferred" ? " (inferred)" : ""));
    const sets = user.access.filter((entry) => entry[1]).map((entry) => `${entry[0]}: ${setName(entry[1])}`);
    const close = make("button", { type: "button" }, "Close");
    close.addEventListener("click", () => {
      page.hidden = true;
      history.replaceState(null, "", "#people");
      byId("people-text").focus();
    });
    page.replaceChildren(
      make("div", { class: "head" }, make("div", {}, make("h3", { id: "person-title" }, bdi(user.name)),
        make("p", { class: "dim" }, bdi(user.email), ` user ${user.id} `,
          user.state ? make("span", { class: "chip state" }, STATES[user.state]) : "",
          user.source === "inferred" ? make("span", { class: "chip medium" }, "inferred") : "",
          user.source === null ? make("span", { class: "chip medium" }, "not known") : "")), close),
      make("dl", { class: "evidence" },
        fact("Roles", listed(seats, "none")), fact("Admin of", admins(user) || "nothing"),
        fact("Permission sets", listed(sets, user.known ? "none" : "not known")),
        fact("Last login", lastLogin(user) + (user.login ? " UTC" : "")),
        fact("Created", user.created ? `${user.created} UTC` : "invitation not accepted, or not known"),
        fact("Permissions", known(user)),
        fact("Sees by default", sees(user)),
        fact("Findings", user.findings.length ? make("ul", {}, ...user.findings.map((finding) => make("li", {},
          make("span", { class: `chip ${finding.severity}` }, finding.severity), " ",
          make("a", { href: `#${finding.node.id}` }, bdi(finding.title)),
          finding.status === "open" ? "" : ` (${finding.status})`))) : "none")),
      ...permissions(user));
    page.hidden = false;
    page.scrollIntoView();
    page.focus({ preventScroll: true });
  }

  // ---- the part that the address points to

  function route() {
    const [, kind, id] = /^#(user|finding)-(.+)$/.exec(location.hash) || [];
    if (kind === "user" && person.has(id)) showPerson(person.get(id));
    const finding = kind === "finding" && byId(`finding-${id}`);
    if (finding) showFinding(finding);
    // "Back" restores the scroll position, which is wrong if another person has been shown since
    const section = !kind && byId(location.hash.slice(1));
    if (section) section.scrollIntoView();
  }
  window.addEventListener("hashchange", route);
  // a link to the current address does not change it, so no event is fired
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) route();
  });

  // ---- print: collapsed parts are printed too

  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const node of closed) node.open = true;
    byId("people-list").replaceChildren(...people.map(row));
  });
  window.addEventListener("afterprint", () => {
    for (const node of closed) node.open = false;
    showPeople();
  });

  // ---- which section is in view

  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id).setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-20% 0px -70% 0px" });
  for (const section of document.querySelectorAll("main > section")) seen.observe(section);

  showPeople();
  route();
})();
