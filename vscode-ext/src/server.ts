// The language server's life: found, started, watched, restarted. All that the language means is in the server.

import { ExtensionContext, LogOutputChannel, workspace } from "vscode";
import { LanguageClient, LanguageClientOptions, State, TransportKind } from "vscode-languageclient/node";
import { Missing } from "./finding";
import { place, server, tellMissing, told } from "./programs";
import { Status } from "./status";

/** What the server may count on: commands of ours that other clients do not have. */
const COMMANDS = ["hlb.debug", "hlb.rename"];

export class Server {
  private client: LanguageClient | undefined;
  /** Starts and stops run one behind the other, whatever asks for them in between. */
  private turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly context: ExtensionContext,
    private readonly status: Status,
    readonly log: LogOutputChannel,
  ) {}

  start(): Promise<void> {
    return this.next(() => this.begin());
  }

  stop(): Promise<void> {
    return this.next(() => this.end());
  }

  restart(): Promise<void> {
    return this.next(async () => {
      await this.end();
      await this.begin();
    });
  }

  /** Asks the server one of its own questions. Throws the words of its refusal. */
  async request<T>(method: string, params: object): Promise<T> {
    await this.turn;
    if (!this.client) {
      throw new Error("the language server does not run");
    }
    return this.client.sendRequest<T>(method, params);
  }

  private next(step: () => Promise<void>): Promise<void> {
    this.turn = this.turn.then(step, step);
    return this.turn;
  }

  private async begin(): Promise<void> {
    this.status.starting();
    const found = server(this.context);
    if (found instanceof Missing) {
      this.status.stopped(found.words.replaceAll("`", ""));
      // Not awaited: the message stays until somebody answers it.
      void tellMissing(found);
      return;
    }
    this.log.info(`starting ${[found.command, ...found.args].join(" ")} (from ${found.from}) on ${place()}`);
    const { command, args } = found;
    const starting = new LanguageClient("hlb", "HLB", { command, args, transport: TransportKind.stdio }, this.options());
    starting.onDidChangeState(({ newState }) => {
      if (newState === State.Running) {
        const info = starting.initializeResult?.serverInfo;
        this.status.running([info?.name ?? "hlb-lsp", info?.version].filter(Boolean).join(" "), found);
      } else if (newState === State.Starting) {
        this.status.starting();
      } else if (this.client === starting) {
        this.status.stopped("the language server has stopped");
      }
    });
    try {
      await starting.start();
      this.client = starting;
    } catch (error) {
      await starting.dispose().catch(() => undefined);
      const words = `\`${command}\` does not start: ${told(error)}`;
      this.log.error(words);
      this.status.stopped(words.replaceAll("`", ""));
      void tellMissing(new Missing(found.from === "hlbc" ? "hlb.hlbc.path" : "hlb.server.path", words));
    }
  }

  private async end(): Promise<void> {
    const stopping = this.client;
    this.client = undefined;
    await stopping?.dispose().catch((error: unknown) => this.log.warn(`stopping: ${told(error)}`));
  }

  private options(): LanguageClientOptions {
    return {
      documentSelector: [
        { language: "hlb", scheme: "file" },
        { language: "hlb", scheme: "untitled" },
      ],
      synchronize: { configurationSection: "hlb" },
      initializationOptions: { hlb: workspace.getConfiguration("hlb"), commands: COMMANDS },
      outputChannel: this.log,
      markdown: { isTrusted: false, supportHtml: false },
    };
  }
}
