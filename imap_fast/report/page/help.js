// The links beside the controls open the section that explains them, and bring the focus to the entry.

function connectHelp() {
  const help = document.getElementById("help");
  for (const link of document.querySelectorAll("a.help")) {
    link.addEventListener("click", (event) => {
      event.preventDefault(); // the address stays, also in the frame of an app
      help.open = true;
      const entry = document.getElementById(link.hash.slice(1));
      entry.focus({ preventScroll: true });
      entry.scrollIntoView({ block: "center" });
    });
  }
}
