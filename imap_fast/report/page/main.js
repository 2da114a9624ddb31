// Assembles the page.

const LONG = 120; // a prompt with more characters is displayed as text, not as a heading

const report = JSON.parse(takeText("content"));
const { frames, fps, width, height } = report.video;

document.title = `${report.title.slice(0, 80)} – saliency report`;
const title = document.getElementById("title");
title.textContent = report.title;
title.classList.toggle("long", report.title.length > LONG);
const facts = [
  frames === 1 ? "1 frame" : `${frames} frames`,
  `${width} × ${height} pixels`,
  `${+fps.toFixed(2)} frames a second`,
  `maps of ${report.grid.join(" × ")}`,
  ...(report.cuts.length ? [`${report.cuts.length + 1} shots`] : []),
  ...(report.shots[0] ? [`from ${timeText(report.shots[0])} on`] : []),
];
document.getElementById("facts").append(...facts.map((fact) => element("span", { textContent: fact })));
document.getElementById("footer").textContent =
  `Written by imap-fast ${report.version}. This page is self-contained and loads nothing from the network.`;

const view = new View(report);
const planes = new Planes(report);
const player = new Player(report.video, takeBytes("video"));
const stage = new Stage(report, player, planes, view);
new Timeline(report, player, view);
connectTransport(report, player);
showMeaning(report, view);
showHeads(report.heads);
showRun(report, player, planes, stage);
connectHelp();
