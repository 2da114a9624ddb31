// Single layers and steps in place of the whole maps: two sliders, a film of the steps, and the way back.

const STEP_TIME = 400; // of the film, in milliseconds

class Inside {
  #film = null;

  constructor(report, player, planes, view) {
    Object.assign(this, { report, player, planes, view, inside: report.inside });
    const { layers, steps } = this.inside;
    this.layer = layers.length ? this.#slider("layer", layers) : null;
    this.step = steps.length ? this.#slider("step", steps) : null;
    this.play = element("button", { type: "button", textContent: "Play the steps", hidden: !steps.length });
    this.back = element("button", { type: "button", textContent: "Whole maps" });
    this.told = element("p", { className: "explanation" });
    this.place = document.getElementById("inside");
    this.place.hidden = false;
    this.place.append(
      element("div", { className: "sliders" }, ...this.#sliders.map(({ field }) => field)),
      element("div", { className: "acts" }, this.play, this.back, this.told),
    );
    this.play.addEventListener("click", () => (this.#film === null ? this.#start() : this.#stop()));
    this.back.addEventListener("click", () => this.view.show(null));
    this.view.addEventListener("change", () => this.#follow());
    this.player.addEventListener("frame", () => this.#tell());
    this.player.addEventListener("state", () => this.player.playing && this.#stop());
    this.#follow();
  }

  get #sliders() {
    return [this.layer, this.step].filter(Boolean);
  }

  // A slider over numbers of layers or steps, whose first place is the mean over all.
  #slider(what, numbers) {
    const input = element("input", { type: "range", id: what, min: 0, max: numbers.length, step: 1, value: 0 });
    const output = element("output", { "aria-live": "off" });
    const label = element("label", { htmlFor: what, textContent: `${what[0].toUpperCase()}${what.slice(1)}` });
    const field = element("div", { className: "slider" }, label, output, input);
    input.addEventListener("input", () => {
      this.#stop();
      this.#choose();
    });
    return { what, numbers, input, output, field };
  }

  // Shows what the sliders say.
  #choose() {
    const place = (slider) => (slider?.input.valueAsNumber ?? 0) - 1;
    const layer = place(this.layer), step = place(this.step), { layers, steps } = this.inside;
    const mean = (numbers, what) => (numbers > 1 ? `, the mean over the ${what}` : "");
    if (layer >= 0 && step >= 0) {
      const name = `layer ${layers[layer]} in step ${steps[step]}`;
      this.view.show({ kind: "pairs", at: layer * steps.length + step, layer, step, name });
    } else if (layer >= 0) {
      const name = `layer ${layers[layer]}${mean(this.inside.read.steps, "steps")}`;
      this.view.show({ kind: "layers", at: layer, layer, name });
    } else if (step >= 0) {
      const name = `step ${steps[step]}${mean(this.inside.read.layers, "layers")}`;
      this.view.show({ kind: "steps", at: step, step, name });
    } else this.view.show(null);
  }

  // Brings the sliders to what is shown. A head is beside them.
  #follow() {
    const { part } = this.view;
    if (part?.step === undefined) this.#stop();
    for (const { what, numbers, input, output } of this.#sliders) {
      const place = (part?.[what] ?? -1) + 1;
      input.value = place;
      input.style.setProperty("--done", place / numbers.length);
      output.value = place ? numbers[place - 1] : "all";
      input.setAttribute("aria-valuetext", place ? `${what} ${numbers[place - 1]}` : `all ${what}s`);
    }
    this.back.disabled = part === null;
    this.#tell();
  }

  #tell() {
    const { part } = this.view;
    const texts = part ? [`Shown: ${part.name}.`, ...this.#gaps(part)] : ["Shown: the whole maps."];
    this.told.textContent = texts.join(" ");
  }

  // What of the displayed part is not in the page.
  #gaps({ kind }) {
    const known = this.inside.frames[kind], nearest = this.planes.nearest(kind, this.player.frame);
    const absent = this.view.panels.flatMap((map) =>
      this.view
        .conceptsOf(map)
        .filter(({ place }) => !this.planes.partId(map, place, kind))
        .map(({ label }) => `${label} (${this.report.maps[map].name})`),
    );
    const gaps = absent.length ? [`Not in this page: ${absent.join(", ")}.`] : [];
    if (known.length === this.report.grid[0]) return gaps;
    if (nearest === null) return [...gaps, "Not in this page: any latent frame of this shot."];
    const time = Math.round(this.report.times[nearest]);
    return [...gaps, `The heat is that of frame ${time}, the nearest in this page.`];
  }

  // One step after another, at the frame that is shown. The film begins again after the last one.
  #start() {
    this.player.video.pause();
    this.play.textContent = "Stop";
    const next = () => {
      this.step.input.value = (this.step.input.valueAsNumber % this.inside.steps.length) + 1;
      this.#choose();
    };
    this.#film = setInterval(next, STEP_TIME);
    next();
  }

  #stop() {
    clearInterval(this.#film);
    this.#film = null;
    this.play.textContent = "Play the steps";
  }
}
