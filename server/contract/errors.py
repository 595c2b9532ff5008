"""One row for each error class: code, HTTP status, close code, whether to retry, and the texts people read.

Clients branch on `code` alone. Close codes are for a transport that has to end (plain WebSocket and Engine.IO).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from server.domain import errors


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """How one error class looks from outside."""

    code: str
    http_status: int
    close_code: int
    es: str
    en: str
    retryable: bool = False

    def message(self, locale: str) -> str:
        """Return the text in Spanish or English."""
        return self.en if locale == "en" else self.es


INTERNAL = ErrorRow("internal", 500, 1011, "Error interno del servidor.", "Internal server error.")

ERROR_ROWS: Mapping[type[errors.RealtimeError], ErrorRow] = {
    errors.InvalidPayloadError: ErrorRow(
        "invalid_payload", 422, 4400, "Los datos enviados no son válidos.", "The data sent is not valid."
    ),
    errors.UnknownOperationError: ErrorRow(
        "unknown_operation", 404, 4404, "Esa operación no existe aquí.", "There is no such operation here."
    ),
    errors.UnauthenticatedError: ErrorRow(
        "unauthenticated", 401, 4401, "Falta un token de acceso válido.", "A valid access token is required."
    ),
    errors.TokenExpiredError: ErrorRow(
        "token_expired", 401, 4402, "El token de acceso ha caducado.", "The access token has expired."
    ),
    errors.RevokedError: ErrorRow(
        "revoked", 401, 4403, "El token de acceso ha sido revocado.", "The access token has been revoked."
    ),
    errors.ForbiddenError: ErrorRow(
        "forbidden", 403, 4403, "No tiene permiso para hacer eso.", "You are not allowed to do that."
    ),
    errors.NotFoundError: ErrorRow("not_found", 404, 4404, "No se ha encontrado.", "Not found."),
    errors.ConflictError: ErrorRow(
        "conflict",
        409,
        4400,
        "La petición contradice el estado actual.",
        "The request conflicts with the current state.",
    ),
    errors.PayloadTooLargeError: ErrorRow(
        "payload_too_large", 413, 1009, "El envío es demasiado grande.", "The payload is too large."
    ),
    errors.RateLimitedError: ErrorRow(
        "rate_limited",
        429,
        4429,
        "Demasiadas peticiones; espere un momento.",
        "Too many requests; wait a moment.",
        retryable=True,
    ),
    errors.UnavailableError: ErrorRow(
        "unavailable",
        503,
        4503,
        "El servicio no está disponible en este momento.",
        "The service is not available right now.",
        retryable=True,
    ),
}

BINARY_CLOSE_CODE = 1003
DRAINING_CLOSE_CODE = 1012
SLOW_CONSUMER_CLOSE_CODE = 4413


def row_of(error: BaseException) -> ErrorRow:
    """Return the row of an error; anything outside the tree is `internal`."""
    return ERROR_ROWS[type(error)] if isinstance(error, errors.RealtimeError) else INTERNAL
