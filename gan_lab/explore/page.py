"""The page of `gan_lab.explore`: controls, whose values an `Explorer` turns into a picture."""

import logging
import re
import secrets
from base64 import b64encode
from html import escape
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from omegaconf import DictConfig

from gan_lab.cli import console
from gan_lab.errors import InputError, pick
from gan_lab.explore.explorer import Explorer, Viewpoint
from gan_lab.run_folder import find_checkpoint
from gan_lab.sampling.request import SampleRequest
from gan_lab.sampling.run import TrainedRun
from gan_lab.training import checkpoint

if TYPE_CHECKING:
    import gradio

HOST = "127.0.0.1"
"""Only this machine reaches the page."""
MOST_SEEDS = 2**32
STYLE = """
.gradio-container {overflow: clip !important}
.view {position: sticky; top: 0; z-index: 100; align-self: flex-start; background: var(--body-background-fill)}
.picture img {width: min(100%, 50vh); image-rendering: pixelated}
.picture a {padding: 0}
.kept img {width: 96px; image-rendering: pixelated}
@media (max-width: 640px) {.picture img {width: 28vh}}
"""
"""The picture stays in sight while the controls scroll, on a phone too: within hidden overflow it would not stick."""


def explore(cfg: DictConfig) -> None:
    """Serve the page of a run until it is interrupted."""
    if find_spec("gradio") is None:
        raise InputError("gan_lab.explore needs the package gradio: pip install 'gan_lab[explore]'")
    if cfg.run is None:
        raise InputError("run= is missing: give run=outputs/MODEL-DATA/DATE_TIME, or run=FILE.ckpt")
    pick({"best": 0, "last": 0}, cfg.checkpoint, "checkpoint")
    path, device = find_checkpoint(cfg.run, cfg.checkpoint), torch.device(cfg.device)
    gan, made_by = checkpoint.load(path, trusted=cfg.trust)
    run = TrainedRun(path, made_by, {}, cfg.trust, device, batch_size=1)
    shown = gan.to(device).requires_grad_(False)
    request = SampleRequest(shown, "explore", 1, 2, 0, None, None, cfg.ema, 1, checkpoint.display_of(made_by), run)
    page = build(Explorer(request, cfg.directions), cfg.reach, f"{path} at {gan.images_seen:,} images")
    address = serve(page, cfg.explore.port, cfg.explore.share)
    console.say(f"{path} at {gan.images_seen:,} images -> {address} (Ctrl-C ends it)")
    page.block_thread()


def serve(page: "gradio.Blocks", port: int | None, share: bool) -> str:
    """Start to serve a page, to this machine alone unless ``share``, and return its address.

    Raises:
        InputError: the port is taken, or there is no way to share.
    """
    import gradio

    logging.getLogger("httpx").setLevel(logging.WARNING)  # gradio asks its own page whether it is there
    theme = gradio.themes.Default()
    options = {"quiet": True, "prevent_thread_lock": True, "footer_links": [], "ssr_mode": False, "theme": theme, "css": STYLE}
    try:
        _, local, public = page.launch(server_name=HOST, server_port=port, share=share, **options)
    except OSError as error:  # gradio names the ports that it tried
        place = f"port {port}" if port else "ports 7860 to 7959"
        raise InputError(f"{place} of this machine cannot be served ({error}): give explore.port=, such as 8000") from error
    if share and not public:
        page.close()
        raise InputError("explore.share=true reached no server of Gradio's that lends a public address: leave it out")
    return str(public or local)


def build(explorer: Explorer, reach: float, title: str) -> "gradio.Blocks":
    """Lay out the page.

    Args:
        explorer: makes the pictures.
        reach: of the sliders of directions, in standard deviations.
        title: of the page.
    """
    import gradio as gr

    def draw(*values: Any) -> tuple[Viewpoint, str]:
        try:
            view = viewpoint(explorer, *values)
        except InputError as error:
            raise gr.Error(str(error)) from error
        return view, figure(explorer, view)

    def keep(view: Viewpoint) -> tuple[Viewpoint, str]:
        return view, thumbnail(explorer, view)

    def blend(a: Viewpoint | None, b: Viewpoint | None, t: float) -> tuple[Viewpoint, str]:
        if a is None or b is None:
            raise gr.Error("keep two samples first: as A, and another one as B")
        view = explorer.between(a, b, t)
        return view, figure(explorer, view)

    with gr.Blocks(title=f"gan_lab: {title}", analytics_enabled=False) as page:
        gr.Markdown(f"## gan_lab.explore\n{escape(title)}")
        with gr.Row():
            with gr.Column(min_width=300, elem_classes="view"):
                picture = gr.HTML(elem_classes="picture")
            with gr.Column(min_width=300):
                with gr.Row():
                    seed = gr.Number(0, label="seed", precision=0, minimum=0, maximum=MOST_SEEDS - 1, min_width=120)
                    another = gr.Button("another seed", min_width=120)
                labels, truncation = _labels(explorer), _truncation(explorer)
                with gr.Accordion("directions, in standard deviations"), gr.Row():
                    offsets = [
                        gr.Slider(-reach, reach, 0, step=0.1, label=f"{number} (gain {gain:.3g})", min_width=220)
                        for number, gain in enumerate(explorer.gains, 1)
                    ]
                    centre = gr.Button("all to 0")
                with gr.Row():
                    keepers = [gr.Button(f"keep as {name}", min_width=120) for name in "AB"]
                with gr.Row():
                    thumbnails = [gr.HTML(elem_classes="kept", min_width=120) for _ in "AB"]
                way = gr.Slider(0, 1, 0, step=0.01, label="from A to B")
        view, kept = gr.State(), [gr.State(), gr.State()]
        controls, shown = [seed, truncation, *labels, *offsets], [view, picture]
        live = {"outputs": shown, "show_progress": "hidden", "trigger_mode": "always_last"}
        gr.on([page.load, *(control.input for control in controls)], draw, controls, **live)
        another.click(lambda: secrets.randbelow(MOST_SEEDS), None, seed).then(draw, controls, **live)
        centre.click(lambda: [0.0] * len(offsets), None, offsets).then(draw, controls, **live)
        for button, place, small in zip(keepers, kept, thumbnails, strict=True):
            button.click(keep, view, [place, small])
        way.input(blend, [*kept, way], **live)
    return page


def _labels(explorer: Explorer) -> "list[gradio.components.Component]":
    """Return a choice of classes, a slider for each number of a label, or nothing where there is neither."""
    import gradio as gr

    if explorer.classes:
        return [gr.Dropdown(explorer.classes, value=explorer.classes[0], label="class")]
    with gr.Row():
        return [
            gr.Slider(scale.low, scale.high, scale.start, step=scale.step, label=f"label {number}", min_width=220)
            for number, scale in enumerate(explorer.label_scales, 1)
        ]


def _truncation(explorer: Explorer) -> "gradio.Slider":
    """Return a slider whose right end is no truncation; nothing to see where the GAN cannot truncate."""
    import gradio as gr

    low, high = explorer.truncations or (0.0, 1.0)
    return gr.Slider(low, high, high, step=0.05, label=f"truncation ({high:g}: none)", visible=explorer.truncations is not None)


# ----- from values of the page to its pictures ---------------------------------------------------------------------------


def viewpoint(explorer: Explorer, seed: int | None, truncation: float, *others: Any) -> Viewpoint:
    """Return the viewpoint of the controls' values.

    Args:
        explorer: turns them into it.
        seed: None while its field is empty.
        truncation: the right end of its slider is none.
        others: the class, or each number of a label, where there are some; then the offsets.
    """
    none = explorer.truncations is None or truncation >= explorer.truncations[1]
    count = 1 if explorer.classes else len(explorer.label_scales)
    numbers, offsets = others[:count], others[count:]
    label = numbers[0] if explorer.classes else numbers or None
    return explorer.viewpoint(int(seed or 0), label, None if none else truncation, offsets)


def figure(explorer: Explorer, view: Viewpoint) -> str:
    """Return a picture, its name and a link that downloads it, as HTML that needs no file."""
    source, name = source_of(explorer.png(view)), escape(view.name)
    file = re.sub(r"[^\w.+-]+", "_", view.name).strip("_") + ".png"
    return f'<img src="{source}" alt="{name}"><p>{name}</p><a href="{source}" download="{file}">download</a>'


def thumbnail(explorer: Explorer, view: Viewpoint) -> str:
    """Return a small picture and its name as HTML."""
    return f'<img src="{source_of(explorer.png(view))}" alt="{escape(view.name)}"><p>{escape(view.name)}</p>'


def source_of(png: bytes) -> str:
    """Return a PNG file as an address that holds it."""
    return f"data:image/png;base64,{b64encode(png).decode()}"
