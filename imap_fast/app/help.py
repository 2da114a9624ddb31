"""What the controls of the page do: a section that is closed at first, and the link that opens it."""

ENTRIES = {
    "video": (
        "Video",
        "A clip to explain. It is read once, without training and without changing it. Without one, the model "
        "generates a video from the prompt, and the maps are those of its generation.",
    ),
    "model": (
        "Model",
        "The video model whose attention is read. One is in memory at a time; the first job with another takes longer.",
    ),
    "prompt": (
        "What the video shows",
        "The prompt that the model gets. Describe all that happens: the maps are those of the model that reads these "
        "words.",
    ),
    "concepts": (
        "Concepts to look for",
        "Words or short phrases, each with a map of its own. For a model that reads only the prompt, such as Wan, they "
        "must be words of the prompt. A map shows how far a patch belongs to its concept rather than to other text: it "
        "has a hottest place also for a concept that is not in the video.",
    ),
    "motions": (
        "Motions to look for",
        "Words of what happens, such as running. With motions, each is shown by its imap, the map of where and when "
        "something moves, and each concept by its gramcol, the map of where it is. Without any, imap shows all.",
    ),
    "button": (
        "Show where and when",
        "Starts the job. One runs at a time, and the others wait in line. The report appears below; its own controls "
        "are explained in it. maps.npz holds the exact maps, for SaliencyMaps.load.",
    ),
}
"""The heading and the text of each control, by the end of its id."""

LINK = f'<a href="#help-{next(iter(ENTRIES))}">What the controls do</a>'
"""A link to the first entry. Browsers open a section that holds the target of a link."""

HELP = (
    "<details id='help'><summary>What the controls do</summary><dl>"
    + "".join(f"<dt id='help-{name}'>{heading}</dt><dd>{text}</dd>" for name, (heading, text) in ENTRIES.items())
    + "</dl></details>"
)
