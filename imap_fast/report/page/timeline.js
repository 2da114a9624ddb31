// The saliency of each displayed concept over time, and when it is active.

const LANE = 8; // the height of a lane, in pixels
const TOLD = 3; // the number of intervals that the label of a curve tells

class Timeline {
  constructor(report, player, view) {
    Object.assign(this, { report, player, view, last: Math.max(report.video.frames - 1, 1) });
    this.chart = drawn("svg", { viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img" });
    this.chart.setAttribute("aria-label", "Saliency of each shown concept over time, low to high");
    const marks = ["high", "low"].map((mark) => element("span", { className: `mark ${mark}`, textContent: mark }));
    this.field = element("div", { className: "chart" }, this.chart, ...marks, element("div", { className: "playhead" }));
    this.lanes = drawn("svg", { class: "lanes", preserveAspectRatio: "none", role: "img" });
    this.lanes.setAttribute("aria-label", "When each shown concept is active");
    this.names = element("ul", { className: report.compares ? "names compared" : "names" });
    this.place = document.getElementById("timeline");
    this.place.append(this.field, this.lanes, this.names);
    this.#connect();
    this.#draw();
  }

  #connect() {
    const scrub = (event) => {
      if (event.type === "pointermove" && !this.field.hasPointerCapture(event.pointerId)) return;
      const { left, width } = this.field.getBoundingClientRect();
      this.player.video.pause();
      this.player.seek(Math.round(((event.clientX - left) / width) * this.last));
    };
    this.field.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.field.setPointerCapture(event.pointerId);
      scrub(event);
    });
    this.field.addEventListener("pointermove", scrub);
    this.view.addEventListener("change", () => this.#draw());
    this.player.addEventListener("frame", () => this.#point());
  }

  // Each concept has its own scale, like its heatmap.
  #draw() {
    const { shown } = this.view;
    this.chart.replaceChildren(
      ...this.report.cuts.map((cut) => this.#cut(cut)),
      ...shown.flatMap((concept) =>
        this.#curves(concept).map((points) =>
          colouredAs(drawn("polyline", { points, class: this.#style(concept) }), concept),
        ),
      ),
    );
    this.#drawLanes(shown.filter((concept) => this.#events(concept).length));
    this.names.replaceChildren(...shown.map((concept) => this.#named(concept)));
    this.#point();
  }

  // The style of the second run of a comparison differs.
  #style({ map }) {
    return map.is_second ? "second" : "first";
  }

  #events({ map, place }) {
    return map.events[place];
  }

  // A lane with bars for each concept that is active for a time.
  #drawLanes(active) {
    this.lanes.setAttribute("viewBox", `0 0 1000 ${Math.max(LANE * active.length, 1)}`);
    this.lanes.style.height = `${LANE * active.length}px`;
    this.lanes.replaceChildren(
      ...active.flatMap((concept, lane) => this.#events(concept).map((event) => this.#bar(concept, lane, event))),
    );
  }

  #bar(concept, lane, event) {
    const [left, right] = [event.first_frame - 0.5, event.last_frame + 0.5].map((frame) =>
      this.#across(Math.min(Math.max(frame, 0), this.last)),
    );
    const place = { x: left, width: right - left, y: LANE * lane + 3, height: LANE - 4 };
    const bar = drawn("rect", { ...place, class: this.#style(concept) });
    const title = drawn("title", {});
    title.textContent = `${concept.label}: ${whenText(event)}`;
    bar.append(title);
    return colouredAs(bar, concept);
  }

  // A dashed line. A pointer on it or beside it is told the time of its shot.
  #cut(frame) {
    const x = this.#across(frame - 0.5);
    const line = (name) => drawn("line", { class: name, x1: x, x2: x, y1: 0, y2: 100 });
    const title = drawn("title", {});
    title.textContent = `A shot begins at ${timeText(fileTime(this.report, frame))} in the file`;
    const cut = drawn("g", { class: "cut" });
    cut.append(title, line("beside"), line("dashes"));
    return cut;
  }

  // The points of a curve in each shot. A curve is constant before the first latent frame of a shot and after its last.
  #curves({ map: { saliency, times, cuts }, place }) {
    const curve = saliency[place];
    const begins = [0, ...cuts];
    return begins.map((begin, shot) => {
      const end = begins[shot + 1] ?? this.last + 1;
      const inside = times.flatMap((time, i) => (time >= begin && time < end ? [[time, curve[i]]] : []));
      const points = [[begin, inside[0][1]], ...inside, [end - 1, inside.at(-1)[1]]];
      return points.map(([time, value]) => `${this.#across(time)},${(100 * (1 - value)).toFixed(2)}`).join(" ");
    });
  }

  #across(frame) {
    return ((1000 * frame) / this.last).toFixed(2);
  }

  // The label of a curve, its map where there are several, when its concept is active, and how sure the map is.
  #named(concept) {
    const name = element("span", { className: "name", dir: "auto", textContent: concept.label });
    const agreement = concept.map.agreement?.[concept.place].toFixed(2);
    const events = this.#events(concept);
    const whole = (event) => whenText(event).replaceAll(" ", "\u00a0"); // no line ends within an interval
    const told = events.slice(0, TOLD).map(whole).join(", ") + (events.length > TOLD ? ", …" : "");
    const of = concept.map.of?.[concept.place] ?? (this.view.maps.length > 1 ? concept.map.name : null);
    const facts = [
      ...(of === null ? [] : [of]),
      events.length ? `active ${told}` : "steady",
      ...(agreement === undefined ? [] : [`agreement ${agreement}`]),
    ];
    const sure = element("span", { className: "sure", textContent: facts.join(" · ") });
    return colouredAs(element("li", { title: concept.label, className: this.#style(concept) }, name, sure), concept);
  }

  #point() {
    this.place.style.setProperty("--at", this.player.frame / this.last);
  }
}

// An interval: in seconds of the file, or in frames if nobody knows its times.
function whenText({ start, end, first_frame: first, last_frame: last }) {
  if (start !== null) return `${timeText(start)} – ${timeText(end)}`;
  return first === last ? `in frame ${first}` : `in frames ${first} – ${last}`;
}
