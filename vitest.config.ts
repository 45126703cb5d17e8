import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'quick',
          include: ['test/**/*.test.ts'],
          exclude: ['test/real/**'],
          // Nothing waits this long; a busy machine may.
          testTimeout: 30_000,
          // No test changes a module or a global, so the files of a worker may share what they import.
          pool: 'threads',
          isolate: false,
          // They wait for servers more than they compute.
          maxWorkers: 6,
          // A stopgap: two tests that expect a refused connection failed once each beside others, and the cause
          // is not proven (a port given back and taken by a neighbour?). Run with --retry=0 to look for it.
          retry: 1,
        },
      },
      {
        // Mosquitto, nginx and friends as separate processes: see test/real/README.md.
        test: {
          name: 'real',
          include: ['test/real/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
