/** Not more often than this, however much arrives. */
const PAUSE_MS = 1_500;
/** Two short notes, a fourth apart (Hz, and when they begin in seconds). */
const NOTES = [
  { frequency: 660, at: 0 },
  { frequency: 880, at: 0.12 },
] as const;
const NOTE_S = 0.18;
const LOUDNESS = 0.08;

/** Plays a short chime. Silent where there is no WebAudio, and until the person has touched the page once. */
export function createChime(): () => void {
  let context: AudioContext | null = null;
  let playedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = Date.now();
    if (now - playedAt < PAUSE_MS || typeof AudioContext === "undefined") return;
    context ??= new AudioContext();
    // Without a gesture it stays suspended; then a sound would be played later, when it means nothing any more.
    if (context.state !== "running") {
      context.resume().catch(() => {});
      return;
    }
    playedAt = now;
    for (const note of NOTES) playNote(context, note.frequency, context.currentTime + note.at);
  };
}

function playNote(context: AudioContext, frequency: number, at: number): void {
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.type = "sine";
  oscillator.frequency.value = frequency;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(LOUDNESS, at + 0.01);
  gain.gain.exponentialRampToValueAtTime(0.0001, at + NOTE_S);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + NOTE_S);
}
