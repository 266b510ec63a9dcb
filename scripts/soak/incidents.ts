/** What befalls the runtime during a soak, so that a turn can tell whether something did while it ran. */

/** A process that was killed, a connection that was cut, a server that another has replaced. */
export type IncidentKind = "crash" | "cut" | "replacement";

interface Incident {
  readonly kind: IncidentKind;
  /** On the clock of `performance.now()`. */
  doneAtMs: number;
}

/** It takes the client a moment to notice: what begins until then may be cut off as well. */
const UNNOTICED_MS = 1_000;

/** Keeps what has happened. */
export class Incidents {
  readonly #all: Incident[] = [];

  /** Takes down what is done to the runtime. Rejects as `harm` does. */
  async during(kind: IncidentKind, harm: () => void | Promise<void>): Promise<void> {
    const incident: Incident = { kind, doneAtMs: Number.POSITIVE_INFINITY };
    this.#all.push(incident);
    try {
      await harm();
    } finally {
      incident.doneAtMs = performance.now();
    }
  }

  /** Those that what began at this time may have felt. */
  since(timeMs: number): readonly IncidentKind[] {
    return this.#all.filter(({ doneAtMs }) => doneAtMs + UNNOTICED_MS > timeMs).map(({ kind }) => kind);
  }

  /** How many there were of each kind. */
  figures(): Record<string, number> {
    const count = (wanted: IncidentKind) => this.#all.filter(({ kind }) => kind === wanted).length;
    return { crashes: count("crash"), cuts: count("cut"), "servers replaced": count("replacement") };
  }
}
