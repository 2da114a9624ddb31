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
    return this.#blended(stack, frame, holdsFor(this.report, map));
  }

  // The same of a part of a map: a single layer, step or head. Null also if the page has none of this concept, or none
  // in the shot. If it has only some latent frames, the nearest one is as it is: nothing is known between them.
  partAt(map, concept, { kind, at }, frame) {
    const id = this.partId(map, concept, kind), known = this.report.inside.frames[kind];
    const nearest = this.nearest(kind, frame);
    if (!id || nearest === null) return null;
    const stack = this.#unpack(id);
    if (stack instanceof Promise) return null;
    const [frames, height, width] = this.report.grid, size = height * width;
    const plane = stack.subarray(at * known.length * size, (at + 1) * known.length * size);
    if (known.length === frames) return this.#blended(plane, frame, this.report);
    const place = known.indexOf(nearest);
    return Float32Array.from(plane.subarray(place * size, (place + 1) * size));
  }

  // The element that holds the parts of a concept.
  partId(map, concept, kind) {
    return this.report.inside.of[this.report.maps[map].planes[concept]]?.[kind];
  }

  // The latent frame of a kind of parts that is nearest to a video frame in its shot, or null.
  nearest(kind, frame) {
    const { times, cuts, inside } = this.report;
    const { first, last } = this.#shot(frame, times, cuts);
    const distance = (latent) => Math.abs(times[latent] - frame);
    return inside.frames[kind]
      .filter((latent) => first <= latent && latent <= last)
      .reduce((best, latent) => (best === null || distance(latent) < distance(best) ? latent : best), null);
  }

  // The levels at a video frame, between those of latent frames.
  #blended(stack, frame, { times, cuts, grid }) {
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
    return this.#unpack(this.report.maps[map][kind][concept]);
  }

  #unpack(id) {
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
