/** One line of the result table: what was measured, against whom, and the floor from the project's goals. */
export interface Measurement {
  readonly name: string;
  /** In the unit that the name says. */
  readonly value: number;
  /** `at most` or `at least` this. */
  readonly floor: { readonly kind: 'at most' | 'at least'; readonly value: number };
  /** Absolute figures of this run, for the curious. */
  readonly detail: string;
}

export interface Benchmark {
  readonly name: string;
  run(): Promise<readonly Measurement[]>;
}
