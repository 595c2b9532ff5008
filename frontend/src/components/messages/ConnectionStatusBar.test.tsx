import { act, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConnectionStatusBar, type ConnectionStatusBarProps } from "./ConnectionStatusBar";
import { expectAccessible, renderIn } from "./testing";

const ONLINE: ConnectionStatusBarProps = {
  status: "online",
  error: null,
  wasOnline: true,
  degraded: null,
  retryInS: null,
  onRetry: () => {},
};

function bar(changes: Partial<ConnectionStatusBarProps> = {}) {
  return <ConnectionStatusBar {...ONLINE} {...changes} />;
}

function pass(ms: number) {
  act(() => vi.advanceTimersByTime(ms));
}

describe("ConnectionStatusBar", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is silent while there is nothing to say", () => {
    const { update } = renderIn("es", bar());
    expect(screen.getByRole("status")).toBeEmptyDOMElement();
    update(bar({ status: "idle" }));
    expect(screen.getByRole("status")).toBeEmptyDOMElement();
    expect(screen.queryByRole("button")).not.toBeInTheDocument();
  });

  it("gives a connection a second before it tells of it", () => {
    renderIn("es", bar({ status: "connecting", wasOnline: false }));
    pass(999);
    expect(screen.getByRole("status")).toBeEmptyDOMElement();
    pass(1);
    expect(screen.getByRole("status")).toHaveTextContent("Conectando…");
  });

  it("keeps to the trouble that was there during a short attempt", () => {
    const { update } = renderIn("es", bar({ status: "waiting", retryInS: 5 }));
    update(bar({ status: "connecting" }));
    pass(500);
    expect(screen.getByRole("status")).toHaveTextContent("Sin conexión.");
    pass(500);
    expect(screen.getByRole("status")).toHaveTextContent("Reconectando…");
    update(bar());
    expect(screen.getByRole("status")).toBeEmptyDOMElement();
  });

  it("counts down for the eyes alone", () => {
    const { update } = renderIn("es", bar({ status: "waiting", retryInS: 5 }));
    expect(screen.getByText("Reintento en 5 s")).toHaveAttribute("aria-hidden", "true");
    const said = screen.getByRole("status").textContent;
    update(bar({ status: "waiting", retryInS: 4 }));
    expect(screen.getByText("Reintento en 4 s")).toBeInTheDocument();
    expect(screen.getByRole("status").textContent).toBe(said);
  });
});

describe("ConnectionStatusBar, while the server works with less", () => {
  it.each([
    ["es", "Los mensajes pueden llegar con algo de retraso."],
    ["en", "Messages may arrive with some delay."],
  ] as const)("says so quietly, without a button (%s)", async (locale, words) => {
    const { container, update } = renderIn(locale, bar());
    update(bar({ degraded: "cluster" }));
    expect(screen.getByRole("status")).toHaveTextContent(words);
    expect(screen.queryByRole("button")).not.toBeInTheDocument();
    await expectAccessible(container);
    update(bar());
    expect(screen.getByRole("status")).toBeEmptyDOMElement();
  });

  it("says what is worse if there is no connection", () => {
    renderIn("en", bar({ degraded: "cluster", status: "waiting", retryInS: 5 }));
    expect(screen.getByRole("status")).toHaveTextContent("No connection.");
  });
});

describe("ConnectionStatusBar's button", () => {
  it("tries again at once", async () => {
    const onRetry = vi.fn();
    const { container } = renderIn("en", bar({ status: "waiting", retryInS: 5, onRetry }));
    await userEvent.setup().click(screen.getByRole("button", { name: "Try now" }));
    expect(onRetry).toHaveBeenCalledOnce();
    await expectAccessible(container);
  });

  it("stands beside the reason of a refusal", () => {
    const error = Object.assign(new Error("El token ha caducado."), {
      code: "token_expired" as const,
      retryable: false,
      details: {},
    });
    renderIn("es", bar({ status: "refused", error }));
    expect(screen.getByRole("status")).toHaveTextContent("No se pudo iniciar la sesión. El token ha caducado.");
    expect(screen.getByRole("button", { name: "Reintentar ahora" })).toBeInTheDocument();
  });
});
