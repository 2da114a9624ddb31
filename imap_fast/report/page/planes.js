// The maps and masks: F latent frames of H × W patches in 8 bits for each map and concept, decompressed at first use.

// What holds for a map: what it does not say of itself, the report says of all maps.
function holdsFor(report, map) {
  return { ...report, ...report.maps[map] };
}

class Planes extends EventTarget {
  #unpacked = new Map();

  constructor(report) {
    super();
    this.report = report;
  }

  // The heat of a concept at a video frame, Float32Array in [0, 255], or null during decompression. Of "masks": how far
  // it is above the threshold. From 127.5 on it is in the mask.
  at(map, concept, frame, kind = "planes") {
    const stack = this.stack(map, concept, kind);
    if (stack instanceof Promise) return null;
    const { times, cuts, grid } = holdsFor(this.report, map);
    const { before, after, weight } = this.#between(frame, times, cuts);
    const size = grid[1] * grid[2];
    const levels = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      const from = stack[before * size + i];
      levels[i] = from + weight * (stack[after * size + i] - from);
    }
    return levels;
  }

  // All values of a concept, Uint8Array [F, H, W], or a promise of them.
  stack(map, concept, kind = "planes") {
    const id = this.report.maps[map][kind][concept];
    if (!this.#unpacked.has(id)) {
      const promise = inflated(takeBytes(id)).then((stack) => {
        this.#unpacked.set(id, stack);
        this.dispatchEvent(new Event("unpacked"));
        return stack;
      });
      this.#unpacked.set(id, promise);
    }
    return this.#unpacked.get(id);
  }

  // The first and the last latent frame of the shot of a video frame.
  #shot(frame, times, cuts) {
    const begin = cuts.findLast((cut) => cut <= frame) ?? 0;
    const end = cuts.find((cut) => cut > frame) ?? Infinity;
    return {
      first: times.findIndex((time) => time >= begin),
      last: times.findLastIndex((time) => time < end),
    };
  }

  // The latent frames before and after a video frame, and the weight of the second one.
  #between(frame, times, cuts) {
    const { first, last } = this.#shot(frame, times, cuts);
    let after = times.findIndex((time) => time >= frame);
    if (after < 0 || after > last) after = last;
    const before = Math.max(after - 1, first);
    after = Math.max(after, first);
    const gap = Math.max(times[after] - times[before], 1);
    const weight = Math.min(Math.max((frame - times[before]) / gap, 0), 1);
    return { before, after, weight };
  }
}
