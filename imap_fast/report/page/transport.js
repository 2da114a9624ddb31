// The controls of playback: play, pause, scrub, step, and the number of the frame.

function connectTransport(report, player) {
  const play = document.getElementById("play");
  const scrubber = document.getElementById("scrubber");
  const clock = document.getElementById("clock");
  const trouble = document.getElementById("trouble");
  const last = player.frames - 1;
  scrubber.max = last;
  document.querySelector(".viewer").style.setProperty("--digits", `${last}`.length);

  play.addEventListener("click", () => player.toggle());
  scrubber.addEventListener("input", () => {
    player.video.pause();
    player.seek(scrubber.valueAsNumber);
  });
  document.getElementById("stage").addEventListener("keydown", (event) => {
    const acts = {
      " ": () => player.toggle(),
      ArrowLeft: () => player.step(-1),
      ArrowRight: () => player.step(1),
      Home: () => player.seek(0),
      End: () => player.seek(last),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  });

  player.addEventListener("state", () => {
    play.classList.toggle("playing", player.playing);
    play.setAttribute("aria-label", player.playing ? "Pause" : "Play");
  });
  player.addEventListener("frame", () => {
    scrubber.value = player.frame;
    scrubber.style.setProperty("--done", last ? player.frame / last : 0);
    scrubber.setAttribute("aria-valuetext", `frame ${player.frame} of ${last}`);
    clock.value = `${player.frame} / ${last}`;
    clock.title = timeText(fileTime(report, player.frame));
  });
  player.addEventListener("trouble", () => {
    trouble.hidden = false;
    trouble.textContent = "This browser cannot play the report's video (H.264 in MP4). Open it in another one.";
  });
}
