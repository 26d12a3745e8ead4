import { Injectable } from '@nestjs/common';
import { PubSub } from 'graphql-subscriptions';

export interface Post {
  by: string;
  text: string;
}

/** Tells everybody who listens on this node what was posted. */
@Injectable()
export class Posts {
  private readonly pubSub = new PubSub<{ posted: { posted: Post } }>();

  async publish(post: Post): Promise<void> {
    await this.pubSub.publish('posted', { posted: post });
  }

  listen(): AsyncIterableIterator<{ posted: Post }> {
    return this.pubSub.asyncIterableIterator('posted');
  }
}
