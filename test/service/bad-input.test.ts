import { badInputContract } from '../contracts/bad-input.ts';

badInputContract('SQLite', async () => undefined);
