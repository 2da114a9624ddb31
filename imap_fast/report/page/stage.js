// The panels: the video under each selected map, side by side. Every frame draws all of them.

const TAIL = 48; // the number of frames that a trail goes back
const NARROWEST = 640, WIDEST = 1280; // pixels of the canvas of a panel, at any size on the screen

class Stage {
  constructor(report, player, planes, view) {
    Object.assign(this, { report, player, planes, view });
    this.place = document.getElementById("stage");
    this.place.style.setProperty("--aspect", report.video.width / report.video.height);
    this.heat = colourTable(report.colours.heat);
    this.overlay = document.createElement("canvas");
    this.panels = [];
    player.addEventListener("frame", () => this.draw());
    planes.addEventListener("unpacked", () => this.draw());
    view.addEventListener("change", () => this.#arrange());
    this.#arrange();
  }

  #arrange() {
    const { width, height } = this.report.video;
    const across = Math.min(Math.max(width, NARROWEST), WIDEST);
    const wanted = this.view.panels;
    if (wanted.join() !== this.panels.map(({ map }) => map).join()) {
      this.panels = wanted.map((map) => {
        const canvas = element("canvas", { width: across, height: Math.round((across * height) / width), role: "img" });
        return { map, canvas, caption: element("figcaption") };
      });
      this.place.replaceChildren(
        ...this.panels.map(({ canvas, caption }) => element("figure", {}, canvas, caption)),
      );
      this.place.dataset.panels = this.panels.length;
    }
    for (const { map, canvas, caption } of this.panels) {
      const { name } = this.report.maps[map], { part } = this.view;
      caption.textContent = part ? `${name}, ${part.name}` : name;
      canvas.setAttribute("aria-label", `The video under the map ${caption.textContent}`);
    }
    this.draw();
  }

  draw() {
    for (const panel of this.panels) this.#drawPanel(panel);
  }

  #drawPanel({ map, canvas }) {
    const pen = canvas.getContext("2d");
    const whole = [0, 0, canvas.width, canvas.height];
    pen.globalCompositeOperation = "source-over";
    pen.drawImage(this.player.video, ...whole);
    const layers = this.#layers(map);
    if (layers.length === 0) return;
    const { grid, seen = [0, 0, 1, 1] } = holdsFor(this.report, map);
    const place = seen.map((share, i) => share * (i % 2 ? canvas.height : canvas.width));
    if (this.view.drawn === "map") this.#fade(pen, place);
    pen.imageSmoothingEnabled = this.view.smooth;
    pen.drawImage(this.#paint(layers, grid), ...place);
    pen.imageSmoothingEnabled = true;
    if (!this.view.part) this.#drawTrails(pen, map, place);
  }

  // Where regions were until now: a line within the shot, and a disc, which is hollow where the region is not visible.
  #drawTrails(pen, map, [left, top, width, height]) {
    const { trails } = this.report.maps[map];
    if (!trails) return;
    const { frame } = this.player;
    const begin = Math.max(frame - TAIL, 0, ...this.report.cuts.filter((cut) => cut <= frame));
    const size = Math.min(width, height) / 45;
    const drawn = this.view
      .conceptsOf(map)
      .filter(({ place }) => trails[place])
      .map(({ place, bright }) => ({
        bright,
        past: trails[place].slice(begin, frame + 1).map(([x, y, seen]) => [left + x * width, top + y * height, seen]),
      }));
    pen.lineJoin = pen.lineCap = "round";
    const outlined = (bright, draw) => {
      for (const [colour, wider] of [["#111116", 2], [bright, 0]]) {
        pen.strokeStyle = pen.fillStyle = colour;
        pen.lineWidth = size / 2 + wider;
        pen.beginPath();
        draw(wider);
      }
    };
    // All lines first: none crosses the disc of another region.
    for (const { bright, past } of drawn) {
      outlined(bright, () => {
        past.forEach(([x, y, seen], i) => (i && seen && past[i - 1][2] ? pen.lineTo(x, y) : pen.moveTo(x, y)));
        pen.stroke();
      });
    }
    for (const { bright, past } of drawn) {
      const [x, y, seen] = past.at(-1);
      outlined(bright, (wider) => {
        pen.arc(x, y, size + wider / 2, 0, 2 * Math.PI);
        seen ? pen.fill() : pen.stroke();
      });
    }
  }

  #layers(map) {
    const kind = this.view.drawn === "map" ? "planes" : "masks";
    const { part } = this.view, { frame } = this.player;
    const levelsOf = (place) =>
      part ? this.planes.partAt(map, place, part, frame) : this.planes.at(map, place, frame, kind);
    return this.view
      .conceptsOf(map)
      .map(({ place, colour }) => ({ levels: levelsOf(place), colour }))
      .filter(({ levels }) => levels !== null);
  }

  // Reduces colour and brightness of the video, so that they are not mistaken for the map.
  #fade(pen, place) {
    pen.fillStyle = `rgb(128 128 128 / ${0.6 * this.view.opacity})`;
    pen.globalCompositeOperation = "saturation";
    pen.fillRect(...place);
    pen.fillStyle = `rgb(0 0 0 / ${0.2 * this.view.opacity})`;
    pen.globalCompositeOperation = "source-over";
    pen.fillRect(...place);
  }

  #paint(layers, [, height, width]) {
    const isMask = this.view.drawn !== "map";
    if (this.view.smooth || isMask) {
      const enlarge = this.view.smooth ? enlarged : repeated, fineness = isMask ? MASK_FINENESS : FINENESS;
      for (const layer of layers) layer.levels = enlarge(layer.levels, height, width, fineness);
      [height, width] = [height * fineness, width * fineness];
    }
    const pixels = isMask
      ? maskPixels(layers, width, this.view)
      : this.view.mode === "heat"
        ? heatPixels(layers[0].levels, this.heat, this.view)
        : colourPixels(layers, this.view);
    Object.assign(this.overlay, { width, height });
    this.overlay.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
    return this.overlay;
  }
}
