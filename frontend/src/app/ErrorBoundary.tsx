import { TriangleAlert } from "lucide-react";
import { Component, type ReactNode } from "react";
import { Button, EmptyState } from "../components/common";
import { useAppTexts } from "./texts";

/** Shows a way out where rendering failed, instead of nothing. */
export class ErrorBoundary extends Component<{ readonly children: ReactNode }, { readonly failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? <Crash /> : this.props.children;
  }
}

function Crash() {
  const texts = useAppTexts().crash;
  const reload = (
    <Button variant="primary" onClick={() => location.reload()}>
      {texts.reload}
    </Button>
  );
  return (
    <div role="alert">
      <EmptyState icon={<TriangleAlert />} title={texts.title} hint={texts.message} action={reload} />
    </div>
  );
}
