"""Pictures of saliency maps: heat over a clip, a grid of frames and concepts, head scores."""
