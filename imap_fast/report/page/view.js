// The state of the view: concepts, maps and drawing options. It dispatches "change" after every choice.

const AT_FIRST = 3; // the number of concepts displayed at first

class View extends EventTarget {
  #fields = document.getElementById("controls").elements;

  // The part of the maps that is shown: a single layer, step, layer in a step, or head. It has a kind, a place among the
  // parts of its kind, and a name. Null: the whole maps.
  part = null;

  constructor(report) {
    super();
    this.report = report;
    const labels = [...new Set(report.maps.flatMap((map) => map.labels))];
    const { bright, deep } = report.colours;
    this.concepts = labels.map((label, i) => ({
      label,
      shown: false,
      colour: rgb(bright[i % bright.length]),
      bright: bright[i % bright.length],
      deep: deep[i % deep.length],
    }));
    // An added background serves only the contrast, and is not displayed at first.
    const foreground = this.concepts.filter(({ label }) => label !== "background");
    for (const concept of (foreground.length ? foreground : this.concepts).slice(0, AT_FIRST)) concept.shown = true;
    this.#offerMaps();
    this.#offerConcepts();
    document.getElementById("controls").addEventListener("input", (event) => this.#chosen(event.target));
    document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault());
    this.#update();
  }

  get mode() {
    return this.#fields.mode.value;
  }

  // "map", or the "outline" or "fill" of its mask.
  get drawn() {
    return this.#fields.drawn.value;
  }

  get smooth() {
    return this.#fields.upsampling.value === "smooth";
  }

  get opacity() {
    return this.#fields.opacity.value / 100;
  }

  get threshold() {
    return this.#fields.threshold.value / 100;
  }

  // The indices of the displayed maps, at least one.
  get maps() {
    return this.report.maps.map((_, map) => map).filter((map) => document.getElementById(`map-${map}`).checked);
  }

  // The displayed maps of which there is a picture. A head is a part of several, and has one picture.
  get panels() {
    if (this.part?.kind !== "heads") return this.maps;
    const has = (map) => this.report.maps[map].planes.some((plane) => this.report.inside.of[plane].heads);
    return [this.maps.find(has) ?? this.report.maps.findIndex((_, map) => has(map))];
  }

  // Shows a part of the maps, or the whole ones. Parts have no masks.
  show(part) {
    this.part = part;
    if (part) this.#fields.drawn.value = "map";
    this.#update();
  }

  // The displayed concepts of a map, and their indices in it.
  conceptsOf(map) {
    const { labels } = this.report.maps[map];
    return this.concepts
      .filter(({ shown, label }) => shown && labels.includes(label))
      .map((concept) => ({ ...concept, place: labels.indexOf(concept.label) }));
  }

  // All displayed concepts, each with the first displayed map that has it. Of a comparison, with each that has it.
  get shown() {
    if (this.report.compares) {
      return this.concepts.flatMap(({ label }) =>
        this.maps.flatMap((map) =>
          this.conceptsOf(map)
            .filter((concept) => concept.label === label)
            .map((concept) => ({ ...concept, map: holdsFor(this.report, map) })),
        ),
      );
    }
    const found = new Map();
    for (const map of this.maps) {
      for (const concept of this.conceptsOf(map)) {
        if (!found.has(concept.label)) found.set(concept.label, { ...concept, map: holdsFor(this.report, map) });
      }
    }
    return [...found.values()];
  }

  #chosen(field) {
    const heat = this.mode === "heat";
    if (field.name === "mode") {
      if (heat) this.#only(this.concepts.find(({ shown }) => shown) ?? this.concepts[0]);
      this.#offerConcepts();
    }
    if (field.name === "concept" && heat) this.#only(this.concepts[field.value]);
    if (field.name === "concept" && !heat) this.concepts[field.value].shown = field.checked;
    if (field.name === "map" && this.maps.length === 0) field.checked = true;
    this.#update();
  }

  #only(concept) {
    for (const each of this.concepts) each.shown = each === concept;
  }

  #offerConcepts() {
    const type = this.mode === "heat" ? "radio" : "checkbox";
    document.getElementById("concepts").replaceChildren(
      ...this.concepts.map((concept, i) => {
        const input = element("input", { type, name: "concept", value: i, checked: concept.shown });
        const name = element("span", { className: "name", dir: "auto", textContent: concept.label });
        const label = element("label", { title: concept.label }, input, element("span", { className: "swatch" }), name);
        return colouredAs(label, concept);
      }),
    );
  }

  #offerMaps() {
    document.getElementById("maps-field").hidden = this.report.maps.length === 1;
    document.getElementById("maps").replaceChildren(
      ...this.report.maps.map(({ name }, i) => {
        const input = element("input", { type: "checkbox", name: "map", id: `map-${i}` });
        input.checked = i === 0 || Boolean(this.report.compares);
        const told = element("span", { className: "name", dir: "auto", textContent: name });
        return element("label", { title: name }, input, told);
      }),
    );
  }

  #update() {
    this.#fields.threshold.disabled = this.drawn !== "map";
    for (const box of document.querySelectorAll("#maps input")) box.disabled = this.part?.kind === "heads";
    for (const choice of this.#fields.drawn) choice.disabled = this.part !== null && choice.value !== "map";
    for (const name of ["opacity", "threshold"]) {
      const { value, max } = this.#fields[name];
      this.#fields[name].style.setProperty("--done", value / max);
      document.querySelector(`output[for=${name}]`).value = `${value} %`;
    }
    this.dispatchEvent(new Event("change"));
  }
}
