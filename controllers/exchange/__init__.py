"""Problems, searches and generators in the community's words: VOCS, gest-api, the files of Xopt."""
