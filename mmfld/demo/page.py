"""The page that a visitor sees."""

import gradio as gr

from ..runtime.orientation import ORIENTATIONS
from .handlers import OWN, Handlers
from .limits import KEPT
from .uploads import as_bytes, as_path

COLUMNS = ['face', 'landmark', 'x', 'y', 'score']
EVERY = 0.2  # seconds between pictures of a camera
HEIGHT = 320  # pixels of an upload on the page


def build_page(handlers: Handlers) -> gr.Blocks:
    """The page, to be launched."""
    models, limits = handlers.models, handlers.limits
    with gr.Blocks(title='mmfld', analytics_enabled=False, delete_cache=(60, KEPT)) as page:
        answer, inside, tracking = (gr.State(time_to_live=KEPT) for _ in range(3))
        gr.Markdown('# Facial landmarks')
        with gr.Row():
            with gr.Column():
                with gr.Tab('Picture'):
                    picture = as_path(gr.Image(label='Picture', height=HEIGHT, elem_id='picture'))
                    find = gr.Button('Find landmarks', variant='primary')
                with gr.Tab('Video'):
                    video = as_path(gr.Video(label='Video', height=HEIGHT, elem_id='video'))
                    follow = gr.Button('Follow faces', variant='primary')
                with gr.Tab('Camera'):
                    camera = as_bytes(
                        gr.Image(sources=['webcam'], streaming=True, label='Camera', height=HEIGHT, elem_id='camera')
                    )
                    live = gr.HTML(elem_id='live')
                gr.Markdown(
                    f'Files of at most {limits.megabytes:g} MB, {limits.megapixels:g} million pixels and '
                    f'{limits.seconds:g} seconds, deleted when you leave, and after {KEPT // 60} minutes.'
                )
                with gr.Row():
                    model = gr.Dropdown(models.names, label='Model', elem_id='model')
                    decoder = gr.Dropdown([OWN], label='Decoder', elem_id='decoder')
                with gr.Row():
                    layout = gr.Dropdown(models.layouts(models.names[0]), label='Layout', elem_id='layout')
                    orientation = gr.Dropdown(
                        list(ORIENTATIONS),
                        label='Orientation, or degrees',
                        allow_custom_value=True,
                        elem_id='orientation',
                    )
                ellipses = gr.Checkbox(True, label='Ellipses that should hold 68 % of the landmarks')
            with gr.Column():
                drawn = gr.Image(
                    label='Landmarks', interactive=False, elem_id='drawn', buttons=['download', 'fullscreen']
                )
                film = gr.Video(label='Landmarks', interactive=False, visible=False, elem_id='film')
                told = gr.Textbox(label='Found', interactive=False, elem_id='told')
                files = gr.File(label='Download', file_count='multiple', interactive=False, elem_id='files')
        with gr.Accordion('Inside the network'):
            with gr.Row():
                face = gr.Number(0, precision=0, minimum=0, label='Face', min_width=80, elem_id='face')
                landmark = gr.Slider(
                    0, 67, 0, step=1, label='Landmark; or click on it in the picture', scale=4, elem_id='landmark'
                )
            why = gr.Markdown(elem_id='why')
            maps = gr.Gallery(show_label=False, columns=4, visible=False, elem_id='maps', buttons=['fullscreen'])
        with gr.Accordion('Table', open=False):
            table = gr.Dataframe(headers=COLUMNS, interactive=False, max_height=300)

        choices = [model, decoder, layout, orientation, ellipses]
        private = dict(api_visibility='private', show_progress='minimal')
        look = dict(fn=handlers.inside, inputs=[answer, face], outputs=[inside, why], **private)
        show = dict(fn=handlers.views, inputs=[answer, inside, landmark], outputs=maps, **private)
        model.change(handlers.choose, model, [decoder, layout], **private)
        for events, answering, upload in (
            ([picture.change, find.click], handlers.picture, picture),
            ([video.change, follow.click], handlers.video, video),
        ):
            outputs = [answer, drawn, film, told, files, table, landmark, face]
            gr.on(events, answering, [upload, *choices], outputs, **private).then(**look).then(**show)
        face.change(**look).then(**show)
        landmark.change(trigger_mode='always_last', **show)
        drawn.select(handlers.click, answer, [face, landmark], **private)
        camera.stream(
            handlers.live, [camera, tracking, *choices], [live, told, tracking], stream_every=EVERY, **private
        )
        page.unload(handlers.leave)
    return page
