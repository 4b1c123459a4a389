"""Fine-tuning of the teacher and deep-supervised distillation of the student."""
