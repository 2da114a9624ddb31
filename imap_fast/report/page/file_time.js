// Times of the file that was read.

// The time of a video frame in seconds. Within a shot, frames count as evenly spaced.
function fileTime({ video, cuts, shots }, frame) {
  const shot = cuts.findLastIndex((cut) => cut <= frame) + 1;
  return shots[shot] + (frame - (cuts[shot - 1] ?? 0)) / video.fps;
}

// A time to hundredths of a second: "2.5 s", or "1:20.25" from a minute on.
function timeText(seconds) {
  const hundredths = Math.round(100 * seconds);
  const minutes = Math.floor(hundredths / 6000);
  const rest = ((hundredths % 6000) / 100).toFixed(2).replace(/0$/, "");
  return minutes ? `${minutes}:${rest.padStart(rest.length + (rest.indexOf(".") === 1), "0")}` : `${rest} s`;
}
