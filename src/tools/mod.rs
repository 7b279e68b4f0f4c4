//! The tools and what they mean: arguments to work, answers to results.
