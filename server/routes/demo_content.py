"""What the demo's people have said to each other before anybody arrives: an empty product shows nothing."""

from server.domain.commands import CreateThread, ListThreads, MarkRead, Notify, SendMessage
from server.domain.models import Subject
from server.services.actor import Actor
from server.services.messages import MessageService
from server.services.notifications import NotificationService
from server.services.receipts import ReceiptService
from server.services.threads import ThreadService

MARIA, JUAN, LUCIA, PLUMBER = "1", "2", "3", "4"

_FLAT = Subject("property", "calle-mayor-12", "Piso en Calle Mayor 12, 3.º B, Madrid")
_TAP = Subject("visit", "visita-87", "Visita: grifo de la cocina")
_CONTRACT = Subject("contract", "contrato-2026-014", "Contrato de alquiler 2026")

_SCENES: tuple[tuple[CreateThread, tuple[tuple[str, str], ...]], ...] = (
    (
        CreateThread("group", (MARIA, JUAN, LUCIA, PLUMBER), title="Comunidad Calle Mayor 12"),
        (
            (JUAN, "Buenos días a todos. El jueves revisan el ascensor, de 9 a 11."),
            (LUCIA, "¡Gracias por avisar, Juan!"),
            (PLUMBER, "Yo paso el mismo día por el 3.º B. ¿Hay que subir por la escalera?"),
            (JUAN, "Si vienes después de las 11, no 🙂"),
        ),
    ),
    (
        CreateThread("direct", (MARIA, LUCIA), subject=_CONTRACT),
        (
            (LUCIA, "Hola, María. Te he dejado el contrato listo para firmar."),
            (MARIA, "Lo leo esta tarde y te digo. ¿La fianza es de un mes?"),
            (LUCIA, "Sí, un mes. Y la duración, un año prorrogable."),
            (MARIA, "Perfecto, muchas gracias."),
        ),
    ),
    (
        CreateThread("direct", (MARIA, PLUMBER), subject=_TAP),
        (
            (MARIA, "Buenas, el grifo de la cocina gotea desde ayer."),
            (PLUMBER, "Buenas. Puedo pasar el jueves a las 11:30, ¿le viene bien?"),
            (MARIA, "Sí, estaré en casa. ¿Sabe más o menos cuánto costará?"),
            (PLUMBER, "Si es solo la junta, unos 45 €. Lo confirmo cuando lo vea."),
        ),
    ),
    (
        CreateThread("direct", (MARIA, JUAN), subject=_FLAT),
        (
            (JUAN, "Hola, María. ¿Qué tal la primera semana en el piso?"),
            (MARIA, "¡Muy bien! Hay mucha luz y los vecinos son muy amables."),
            (JUAN, "Me alegro. He pedido que revisen la caldera antes del invierno."),
            (MARIA, "Estupendo. ¿Tengo que estar yo, o tienes llave?"),
            (JUAN, "Tengo llave, pero te aviso del día por aquí."),
            (JUAN, "¿Te parece bien el viernes por la mañana?"),
        ),
    ),
)

_UNREAD = _SCENES[-1][0]
"""The scene whose last lines María has not read yet."""

_NOTIFICATIONS = (
    Notify("Recibo disponible", "Ya puede descargar el recibo de noviembre.", "medium", user_id=MARIA),
    Notify("Visita confirmada", "Fontanería Ríos, jueves a las 11:30.", "high", user_ids=(MARIA, PLUMBER)),
    Notify("Firma pendiente", "El contrato espera su firma. Vence mañana.", "urgent", user_ids=(MARIA, LUCIA)),
)
_SERVICE = Actor("service", "", "es")


class DemoContent:
    """Fills an empty database once."""

    def __init__(
        self,
        threads: ThreadService,
        messages: MessageService,
        receipts: ReceiptService,
        notifications: NotificationService,
    ) -> None:
        self._threads = threads
        self._messages = messages
        self._receipts = receipts
        self._notifications = notifications

    async def fill(self) -> None:
        """Play the scenes, unless María already has a thread."""
        if (await self._threads.list_threads(_person(MARIA), ListThreads(limit=1))).threads:
            return
        for scene, lines in _SCENES:
            thread = await self._threads.open(_SERVICE, scene)
            for sender, content in lines:
                await self._messages.send_and_wait(_person(sender), SendMessage(thread.id, content))
                for reader in scene.participant_ids if scene is not _UNREAD or sender == MARIA else ():
                    await self._receipts.mark_read(_person(reader), MarkRead(thread.id))
        for notification in _NOTIFICATIONS:
            await self._notifications.notify(_SERVICE, notification)


def _person(user_id: str) -> Actor:
    return Actor("user", user_id, "es")
