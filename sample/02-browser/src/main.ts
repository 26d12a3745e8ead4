import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { createApp } from './create-app.js';

const HOST = '127.0.0.1';
const PORT = Number(process.env.PORT ?? 3000);

const app = await createApp();
await app.listen(PORT, HOST);
new Logger('Browser').log(`Open http://localhost:${PORT} and log in as demo@example.com with demo-password`);
