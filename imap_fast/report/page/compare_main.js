// Assembles the page of a comparison.

const report = JSON.parse(takeText("content"));
showHeader(report, "two runs", report.maps.map(({ name, grid }) => `${name}: maps of ${grid.join(" × ")}`));
const view = new View(report);
const planes = new Planes(report);
const player = new Player(report.video, takeBytes("video"));
new Stage(report, player, planes, view);
new Timeline(report, player, view);
connectTransport(report, player);
showMeaning(report, view);
showNumbers(report);
showDifferences(report);
connectHelp();
