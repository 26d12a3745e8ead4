import { Args, Field, Mutation, ObjectType, Resolver, Subscription } from '@nestjs/graphql';
import { CurrentUser, RequireFresh } from 'nestjs-authentify';
import { type Post, Posts } from './posts.js';

@ObjectType()
class PostObject implements Post {
  @Field(() => String)
  by!: string;

  @Field(() => String)
  text!: string;
}

@Resolver()
export class PostsResolver {
  constructor(private readonly posts: Posts) {}

  /** For those who logged in within the last ten minutes. */
  @Mutation(() => PostObject)
  @RequireFresh('10m')
  async post(@CurrentUser('email') by: string, @Args('text', { type: () => String }) text: string): Promise<Post> {
    const post = { by, text };
    await this.posts.publish(post);
    return post;
  }

  /** Ends when the session of its socket does. */
  @Subscription(() => PostObject)
  posted(): AsyncIterableIterator<{ posted: Post }> {
    return this.posts.listen();
  }
}
