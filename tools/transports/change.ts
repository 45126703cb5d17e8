/** Lets one waiter sleep until something has changed; what it was, the waiter looks up for itself. */
export interface Change {
  wait(): Promise<void>;
  notify(): void;
}

export function createChange(): Change {
  let wake = () => {};
  return {
    wait: () =>
      new Promise((resolve) => {
        wake = resolve;
      }),
    notify: () => wake(),
  };
}
