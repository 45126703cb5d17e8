import { afterAll, beforeAll } from 'vitest';
import { badInputContract } from '../contracts/bad-input.ts';
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts';

let server: RealPostgres;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.remove());

badInputContract('PostgreSQL', () => server.makeUrl());
