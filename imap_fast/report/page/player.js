// The video element, which is hidden. Listeners of "frame" draw the frame together with its map.

class Player extends EventTarget {
  #wanted = 0;

  constructor({ frames, fps }, bytes) {
    super();
    Object.assign(this, { frames, fps, frame: 0 });
    this.video = element("video", { muted: true, loop: true, playsInline: true, preload: "auto" });
    this.video.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
    for (const name of ["play", "pause"]) this.video.addEventListener(name, () => this.#emit("state"));
    this.video.addEventListener("error", () => this.#emit("trouble"));
    this.video.addEventListener("seeked", () => this.#sought());
    this.video.addEventListener("loadeddata", () => this.seek(0), { once: true });
    if (this.video.requestVideoFrameCallback) this.#onFrame();
    else this.#onRepaint();
  }

  get playing() {
    return !this.video.paused;
  }

  toggle() {
    if (this.playing) this.video.pause();
    else this.video.play().catch(() => this.#emit("trouble"));
  }

  // One seek at a time. Of the seeks requested in the meantime, only the last one runs.
  seek(frame) {
    this.#wanted = Math.min(Math.max(frame, 0), this.frames - 1);
    if (!this.video.seeking) this.video.currentTime = (this.#wanted + 0.5) / this.fps;
  }

  step(frames) {
    this.video.pause();
    const from = this.video.seeking ? this.#wanted : this.frame;
    this.seek((from + frames + this.frames) % this.frames);
  }

  #sought() {
    const reached = Math.floor(this.video.currentTime * this.fps);
    if (!this.playing && reached !== this.#wanted) this.seek(this.#wanted);
    else this.#present(reached);
  }

  // The time of the displayed frame. currentTime can differ from it.
  #onFrame() {
    this.video.requestVideoFrameCallback((_, { mediaTime }) => {
      this.#present(Math.round(mediaTime * this.fps));
      this.#onFrame();
    });
  }

  #onRepaint() {
    if (this.playing) this.#present(Math.floor(this.video.currentTime * this.fps));
    requestAnimationFrame(() => this.#onRepaint());
  }

  #present(frame) {
    this.frame = Math.min(Math.max(frame, 0), this.frames - 1);
    if (this.playing) this.#wanted = this.frame;
    this.#emit("frame");
  }

  #emit(name) {
    this.dispatchEvent(new Event(name));
  }
}
