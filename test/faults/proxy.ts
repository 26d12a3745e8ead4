import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { DATABASE, PORT } from '../support/database.js';

/** Where in the life of a statement a fault strikes. */
export const MOMENTS = ['before it arrives', 'before its answer', 'after its answer'] as const;
export type Moment = (typeof MOMENTS)[number];

/** What meets a client that connects: the database, a reset, nobody at all, or somebody who never says a word. */
export type Reception = 'open' | 'reset' | 'refused' | 'silent';

export interface Trap {
  /** Matched against each message the client sends. */
  statement: RegExp;
  moment: Moment;
  /** Which of the matching statements; the first by default. */
  nth?: number;
}

/** A statement that was stopped: its connection stands still until one of these is called. */
export interface Stop {
  /** Ends this connection alone; what was held back is lost. */
  cut(): void;
  /** Goes on as if nothing had happened. */
  resume(): void;
  /** Hands the statement over for a client that may have died meanwhile, and waits until the database is done. */
  deliver(): Promise<void>;
}

interface ArmedTrap extends Trap {
  left: number;
  reached: (stop: Stop) => void;
}

const COM_STMT_PREPARE = 0x16;
const COM_STMT_EXECUTE = 0x17;
/** Below the range that outgoing connections take theirs from, so that a port left for a while is still free. */
const PORTS = [20_000, 32_000] as const;

/** A TCP proxy in front of the database that can fail in every way a network can. */
export class DatabaseProxy {
  readonly port: number;
  private server: Server;
  private reception: Reception = 'open';
  private readonly connections = new Set<Connection>();
  private readonly silenced = new Set<Socket>();
  private traps: ArmedTrap[] = [];

  private constructor(server: Server) {
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (client: Socket) => this.receive(client));
  }

  static async start(): Promise<DatabaseProxy> {
    for (;;) {
      try {
        return new DatabaseProxy(await listen(randomInt(...PORTS)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      }
    }
  }

  /** Resolves when the statement is reached; it stands still from then on. */
  stopAt(trap: Trap): Promise<Stop> {
    return new Promise((reached) => {
      this.traps.push({ ...trap, left: trap.nth ?? 1, reached });
    });
  }

  /** Cuts the connection at that statement, and then the whole network where `reception` says so. */
  async cutAt(trap: Trap, reception: Reception = 'open'): Promise<void> {
    const stop = await this.stopAt(trap);
    stop.cut();
    if (reception !== 'open') await this.fail(reception);
  }

  /** Cuts every connection now. */
  cutAll(): void {
    for (const connection of this.connections) connection.cut();
    for (const client of this.silenced) client.destroy();
  }

  /** From now on nothing comes through on the connections there are; new ones work. */
  silence(): void {
    for (const connection of this.connections) connection.silence();
  }

  /** From now on there is no database. */
  async fail(reception: Exclude<Reception, 'open'>): Promise<void> {
    this.reception = reception;
    const closed = reception === 'refused' ? once(this.server.close(), 'close') : undefined;
    this.cutAll();
    await closed;
  }

  /** The database is back, and no trap is left. */
  async restore(): Promise<void> {
    this.traps = [];
    if (!this.server.listening) {
      this.server = await listen(this.port);
      this.server.on('connection', (client: Socket) => this.receive(client));
    }
    this.reception = 'open';
    for (const client of this.silenced) client.destroy();
  }

  async close(): Promise<void> {
    if (this.server.listening) await this.fail('refused');
  }

  /** The trap this message runs into, if any. */
  trapFor(message: string): ArmedTrap | undefined {
    const trap = this.traps.find(({ statement }) => statement.test(message));
    if (!trap) return undefined;
    trap.left -= 1;
    if (trap.left > 0) return undefined;
    this.traps = this.traps.filter((other) => other !== trap);
    return trap;
  }

  private receive(client: Socket): void {
    client.on('error', () => {});
    if (this.reception === 'open') {
      const connection = new Connection(this, client);
      this.connections.add(connection);
      client.on('close', () => this.connections.delete(connection));
    } else if (this.reception === 'silent') {
      this.silenced.add(client);
      client.resume().on('close', () => this.silenced.delete(client));
    } else client.resetAndDestroy();
  }
}

/** One client and its connection to the database, message by message. */
class Connection {
  private readonly database = connect({ port: PORT, host: '127.0.0.1', noDelay: true });
  private readonly split = messageSplitter();
  private readonly statements = new PreparedStatements();
  /** Messages that wait behind a stopped one. */
  private waiting: Buffer[] | null = null;
  /** The trap whose answer is awaited. */
  private awaited: ArmedTrap | null = null;
  private answer: Buffer = Buffer.alloc(0);
  private holdsAnswers = false;
  private delivered: (() => void) | null = null;
  private isSilent = false;

  constructor(
    private readonly proxy: DatabaseProxy,
    private readonly client: Socket,
  ) {
    client.setNoDelay(true);
    client.on('data', (chunk: Buffer) => {
      for (const message of this.split(chunk)) this.send(message);
    });
    // A stopped statement outlives its client: it may be on its way already when the client dies.
    client.on('close', () => {
      if (!this.waiting && !this.holdsAnswers) this.database.destroy();
    });
    this.database.on('data', (chunk: Buffer) => this.relay(chunk));
    this.database.on('error', () => {});
    this.database.on('close', () => {
      client.destroySoon();
      this.delivered?.();
    });
  }

  cut(): void {
    this.database.destroy();
    this.client.destroySoon();
  }

  silence(): void {
    this.isSilent = true;
  }

  private send(message: Buffer): void {
    if (this.isSilent) return;
    if (this.waiting) {
      this.waiting.push(message);
      return;
    }
    const trap = this.proxy.trapFor(this.statements.textOf(message));
    if (trap?.moment === 'before it arrives') {
      this.waiting = [message];
      trap.reached(this.stop());
      return;
    }
    if (trap) {
      this.awaited = trap;
      this.answer = Buffer.alloc(0);
    }
    this.database.write(message);
  }

  private relay(chunk: Buffer): void {
    if (this.isSilent) return;
    this.statements.hear(chunk);
    if (!this.awaited && !this.holdsAnswers) {
      this.client.write(chunk);
      return;
    }
    this.answer = Buffer.concat([this.answer, chunk]);
    if (!isComplete(this.answer)) return;
    this.delivered?.();
    const trap = this.awaited;
    this.awaited = null;
    if (!trap) return;
    if (trap.moment === 'after its answer') {
      this.client.write(this.answer);
      this.waiting = [];
    } else this.holdsAnswers = true;
    trap.reached(this.stop());
  }

  private stop(): Stop {
    return {
      cut: () => this.cut(),
      resume: () => this.resume(),
      deliver: () =>
        new Promise((resolve) => {
          this.delivered = () => {
            this.delivered = null;
            this.database.destroy();
            resolve();
          };
          this.holdsAnswers = true;
          this.answer = Buffer.alloc(0);
          for (const message of this.waiting ?? []) this.database.write(message);
        }),
    };
  }

  private resume(): void {
    const [messages, held] = [this.waiting ?? [], this.holdsAnswers ? this.answer : undefined];
    this.waiting = null;
    this.holdsAnswers = false;
    if (held) this.client.write(held);
    for (const message of messages) this.database.write(message);
  }
}

/** Knows which statement a message runs, also where it was prepared before and goes by its name or number. */
class PreparedStatements {
  private readonly texts = new Map<string, string>();
  /** MariaDB numbers a statement in its answer. */
  private unnumbered: string | null = null;

  /** The text of the statement that this message runs; preparing alone runs none. */
  textOf(message: Buffer): string {
    return DATABASE === 'mariadb' ? this.textOfCommand(message) : this.textOfMessage(message);
  }

  hear(answer: Buffer): void {
    if (this.unnumbered === null) return;
    this.texts.set(String(answer.readUInt32LE(5)), this.unnumbered);
    this.unnumbered = null;
  }

  private textOfMessage(message: Buffer): string {
    const text = message.toString('latin1');
    const [first = '', second = ''] = text.slice(5).split('\0');
    if (text.startsWith('P') && first !== '') {
      this.texts.set(first, second);
      return '';
    }
    return text.startsWith('B') ? (this.texts.get(second) ?? '') : text;
  }

  private textOfCommand(message: Buffer): string {
    const text = message.toString('latin1');
    if (message[4] === COM_STMT_EXECUTE) return this.texts.get(String(message.readUInt32LE(5))) ?? '';
    if (message[4] !== COM_STMT_PREPARE) return text;
    this.unnumbered = text;
    return '';
  }
}

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Cuts a client's stream into the messages of the database's protocol. */
function messageSplitter(): (chunk: Buffer) => Buffer[] {
  let rest: Buffer = Buffer.alloc(0);
  // PostgreSQL's first message has no type byte.
  let isFirst = true;
  const lengthOf = (bytes: Buffer): number => {
    if (DATABASE === 'mariadb') return bytes.length < 4 ? Infinity : bytes.readUIntLE(0, 3) + 4;
    const head = isFirst ? 0 : 1;
    return bytes.length < head + 4 ? Infinity : bytes.readUInt32BE(head) + head;
  };
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const messages: Buffer[] = [];
    for (let length = lengthOf(rest); rest.length >= length; length = lengthOf(rest)) {
      messages.push(rest.subarray(0, length));
      rest = rest.subarray(length);
      isFirst = false;
    }
    return messages;
  };
}

/** PostgreSQL says when it is ready again; MariaDB's answer to a write is one packet. */
function isComplete(answer: Buffer): boolean {
  return DATABASE === 'mariadb' || answer.subarray(-6, -1).equals(Buffer.from([0x5a, 0, 0, 0, 5]));
}
