"""Google's Gemini API: Gemini's image models, and Imagen as long as it was there."""

from urllib.parse import quote

from gateway.dialect.address import at, key_in
from gateway.dialect.gemini import gemini
from gateway.dialect.imagen import imagen, is_imagen
from gateway.dialect.unable import unsupported
from gateway.images import ImageRequest
from gateway.wire import Adapter, Flow, Target


def _flow(request: ImageRequest, target: Target) -> Flow:
    # Lists of models write the name with the collection that it is in.
    model = (request.model or "").removeprefix("models/")
    if not model:
        return unsupported(f"{target.provider} needs a model: name one, such as gemini-3-pro-image", "model")
    talk = imagen if is_imagen(model) else gemini
    return (yield from talk(f"/models/{quote(model, safe='')}", request, target, vertex=False))


ADAPTERS = (
    Adapter(
        name="google",
        base_url=at("https://generativelanguage.googleapis.com/v1beta"),
        authorize=key_in("x-goog-api-key", ""),
        flow=_flow,
        n_max=1,
    ),
)
