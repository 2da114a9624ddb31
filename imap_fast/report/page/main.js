// Assembles the page of a report.

const report = JSON.parse(takeText("content"));
showHeader(report, "saliency report", [`maps of ${report.grid.join(" × ")}`]);
const view = new View(report);
const planes = new Planes(report);
const player = new Player(report.video, takeBytes("video"));
const stage = new Stage(report, player, planes, view);
new Timeline(report, player, view);
connectTransport(report, player);
showMeaning(report, view);
if (report.inside) new Inside(report, player, planes, view);
showHeads(report, view);
showRun(report, player, planes, stage);
connectHelp();
