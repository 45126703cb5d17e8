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
        },
      },
      {
        // Mosquitto, nginx, PostgreSQL and friends, as processes of their own.
        test: {
          name: 'real',
          include: ['test/real/**/*.test.ts'],
          // Mostly they wait for other programs.
          maxWorkers: 3,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
